"""What is asked of one response: the settings of the session, and what the request says otherwise."""

from dataclasses import dataclass

from gateway.sim.realtime.config import SessionConfig, refuse_other_voice
from gateway.sim.realtime.formats import AudioFormat, audio_format
from gateway.sim.realtime.items import Conversation, Item, item_from
from gateway.sim.realtime.shapes import RefusalError
from gateway.sim.realtime.turn import Json


@dataclass(frozen=True, slots=True)
class Asked:
    """The settings that hold for one response."""

    output_modalities: list[str]
    output: Json
    """Format and voice."""
    instructions: str
    own_instructions: str | None
    max_output_tokens: int | str
    tools: tuple[str, ...]
    metadata: dict[str, str] | None = None
    input: list[Json] | None = None
    """The only items it is to see; None shows it the conversation."""
    out_of_band: bool = False

    @property
    def spoken(self) -> bool:
        """Whether the answer is to be heard."""
        return "audio" in self.output_modalities

    @property
    def sound(self) -> AudioFormat:
        """How the answer is written."""
        return audio_format(self.output["format"])


def asked(request: Json, config: SessionConfig, *, has_audio: bool) -> Asked:
    """Lay *request* over the settings of the session."""
    output = {key: config.output[key] for key in ("format", "voice")} | request.get("audio", {}).get("output", {})
    refuse_other_voice(output["voice"], config.output["voice"], has_audio=has_audio)
    own = request.get("instructions")
    tools = request.get("tools", config["tools"])
    return Asked(
        output_modalities=request.get("output_modalities", config["output_modalities"]),
        output=output,
        instructions=config["instructions"] if own is None else own,
        own_instructions=own,
        max_output_tokens=request.get("max_output_tokens", config["max_output_tokens"]),
        tools=tuple(tool["name"] for tool in tools if tool["type"] == "function"),
        metadata=request.get("metadata"),
        input=request.get("input"),
        out_of_band=request.get("conversation") == "none",
    )


def context_of(wanted: Asked, conversation: Conversation) -> list[Item]:
    """The items that the response is made from."""
    if wanted.input is None:
        return list(conversation.items)
    return [_referred(described, conversation) for described in wanted.input]


def _referred(described: Json, conversation: Conversation) -> Item:
    if described["type"] != "item_reference":
        return item_from(described)
    if (item := conversation.find(described["id"])) is None:
        message = f"Item with id '{described['id']}' not found."
        raise RefusalError("invalid_value", message, param="response.input")
    return item
