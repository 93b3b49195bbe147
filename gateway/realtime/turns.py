"""Which response is under way, for models that name their responses and for those that do not."""


class TurnsUnderWay:
    """Responses from their beginning to their end."""

    def __init__(self) -> None:
        self._under_way: list[str] = []
        self._unnamed = 0

    @property
    def latest(self) -> str:
        """The one that began last; empty when none is under way."""
        return self._under_way[-1] if self._under_way else ""

    def started(self, response_id: str | None) -> None:
        """A response begins."""
        if response_id is None:
            self._unnamed += 1
            response_id = f"unnamed {self._unnamed}"
        self._under_way.append(response_id)

    def ended(self, response_id: str | None) -> str:
        """A response ends; the name that it goes by here."""
        response_id = response_id or self.latest
        if response_id in self._under_way:
            self._under_way.remove(response_id)
        return response_id
