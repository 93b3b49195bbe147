"""JSON Schema of the files of a configuration, for editors that complete and underline."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from gateway.lines.section import Section

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(root: type[Section]) -> dict[str, Any]:
    """What a file may say whose top is *root*; what only several keys together show is left to `gateway check`."""
    schema = root.model_json_schema(mode="validation", schema_generator=_WithoutTitles)
    return {"$schema": DIALECT, **schema}


class _WithoutTitles(GenerateJsonSchema):
    """Names that are made up of keys tell nobody anything."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False
