"""
The client events of the realtime API, and what each may carry.

Names and bounds are those of the GA protocol. Whatever is not listed is an unknown parameter.
"""

from gateway.sim.realtime.shapes import (
    Anything,
    ByKey,
    Either,
    Flag,
    ListOf,
    Nullable,
    Number,
    OneOf,
    Pairs,
    Record,
    Shape,
    Text,
)

LONGEST_APPEND_CHARACTERS = 15 * 1024 * 1024 * 4 // 3
EFFORTS = ("minimal", "low", "medium", "high", "xhigh")


def _tagged(key: str, shapes: dict[str, Record]) -> ByKey:
    """A union told apart by *key*, which every member carries."""
    return ByKey(key, {tag: _with(shape, **{key: Text()}) for tag, shape in shapes.items()})


def _with(shape: Record, **keys: Shape) -> Record:
    return Record({**shape.keys, **keys}, shape.required)


FORMAT = _tagged(
    "type",
    {
        "audio/pcm": Record({"rate": Number(24000, 24000, whole=True)}),
        "audio/pcmu": Record(),
        "audio/pcma": Record(),
    },
)

RESPONDS = Record({"create_response": Flag(), "interrupt_response": Flag()})

TURN_DETECTION = _tagged(
    "type",
    {
        "server_vad": _with(
            RESPONDS,
            threshold=Number(0, 1),
            prefix_padding_ms=Number(0, 60_000, whole=True),
            silence_duration_ms=Number(0, 60_000, whole=True),
            idle_timeout_ms=Nullable(Number(5_000, 30_000, whole=True)),
        ),
        "semantic_vad": _with(RESPONDS, eagerness=OneOf(("low", "medium", "high", "auto"))),
    },
)

TRANSCRIPTION = Record(
    {
        "model": Text(),
        "language": Text(),
        "prompt": Text(),
        "keywords": ListOf(Text()),
        "languages": ListOf(Text()),
        "delay": OneOf(EFFORTS),
    }
)

AUDIO_INPUT = Record(
    {
        "format": FORMAT,
        "noise_reduction": Nullable(Record({"type": OneOf(("near_field", "far_field"))})),
        "transcription": Nullable(TRANSCRIPTION),
        "turn_detection": Nullable(TURN_DETECTION),
    }
)

VOICE = Either(Text(), Record({"id": Text()}, required=("id",)))

AUDIO_OUTPUT = Record({"format": FORMAT, "voice": VOICE, "speed": Number(0.25, 1.5)})

TOOL = _tagged(
    "type",
    {
        "function": Record({"name": Text(), "description": Text(), "parameters": Anything()}, ("name",)),
        "mcp": Record(
            {
                "server_label": Text(),
                "server_url": Text(),
                "connector_id": Text(),
                "tunnel_id": Text(),
                "authorization": Text(),
                "headers": Nullable(Pairs(64, Text())),
                "allowed_tools": Anything(),
                "require_approval": Anything(),
                "server_description": Text(),
                "defer_loading": Flag(),
                "allowed_callers": ListOf(Text()),
            },
            ("server_label",),
        ),
    },
)

TOOL_CHOICE = Either(
    OneOf(("none", "auto", "required")),
    _tagged(
        "type",
        {
            "function": Record({"name": Text()}, ("name",)),
            "mcp": Record({"server_label": Text(), "name": Nullable(Text())}, ("server_label",)),
        },
    ),
)

PROMPT = Record({"id": Text(), "version": Nullable(Text()), "variables": Anything()}, ("id",))
TRACING = Record({"workflow_name": Text(), "group_id": Text(), "metadata": Anything()})
TRUNCATION = Record(
    {
        "type": OneOf(("retention_ratio",)),
        "retention_ratio": Number(0, 1),
        "token_limits": Record({"post_instructions": Number(0, 1_000_000, whole=True)}),
    },
    ("type", "retention_ratio"),
)

ASKED = Record(
    {
        "output_modalities": ListOf(OneOf(("audio", "text")), longest=1),
        "instructions": Text(),
        "tools": ListOf(TOOL),
        "tool_choice": TOOL_CHOICE,
        "parallel_tool_calls": Flag(),
        "reasoning": Record({"effort": OneOf(EFFORTS)}),
        "max_output_tokens": Either(OneOf(("inf",)), Number(1, 4096, whole=True)),
        "prompt": Nullable(PROMPT),
    }
)
"""What both a session and a single response may set."""

INCLUDE = Nullable(ListOf(OneOf(("item.input_audio_transcription.logprobs",))))

SESSION = _tagged(
    "type",
    {
        "realtime": _with(
            ASKED,
            model=Text(),
            audio=Record({"input": AUDIO_INPUT, "output": AUDIO_OUTPUT}),
            include=INCLUDE,
            tracing=Nullable(Either(OneOf(("auto",)), TRACING)),
            truncation=Either(OneOf(("auto", "disabled")), TRUNCATION),
        ),
        "transcription": Record({"audio": Record({"input": AUDIO_INPUT}), "include": INCLUDE}),
    },
)

_STORED: dict[str, Shape] = {
    "id": Text(longest=512),
    "object": OneOf(("realtime.item",)),
    "status": Text(),
    "type": Text(),
}
_MESSAGE: dict[str, Shape] = {**_STORED, "role": Text()}
_INPUT_TEXT = Record({"text": Text()}, ("text",))

MESSAGE = ByKey(
    "role",
    {
        "user": Record(
            {
                **_MESSAGE,
                "content": ListOf(
                    _tagged(
                        "type",
                        {
                            "input_text": _INPUT_TEXT,
                            "input_audio": Record({"audio": Text(), "transcript": Text()}, ("audio",)),
                            "input_image": Record(
                                {"image_url": Text(), "detail": OneOf(("auto", "low", "high"))},
                                ("image_url",),
                            ),
                        },
                    )
                ),
            },
            ("content",),
        ),
        "system": Record({**_MESSAGE, "content": ListOf(_tagged("type", {"input_text": _INPUT_TEXT}))}, ("content",)),
        "assistant": Record(
            {
                **_MESSAGE,
                "content": ListOf(
                    Record(
                        {
                            "type": OneOf(("output_text", "output_audio")),
                            "text": Text(),
                            "audio": Text(),
                            "transcript": Text(),
                        },
                        ("type", "text"),
                    )
                ),
            },
            ("content",),
        ),
    },
)

CALL_ID = Text(pattern="[a-zA-Z0-9_-]+")

ITEM = ByKey(
    "type",
    {
        "message": MESSAGE,
        "function_call": Record(
            {**_STORED, "call_id": CALL_ID, "name": Text(), "arguments": Text()},
            ("call_id", "name", "arguments"),
        ),
        "function_call_output": Record({**_STORED, "call_id": CALL_ID, "output": Text()}, ("call_id", "output")),
        "mcp_approval_response": Record(
            {**_STORED, "approval_request_id": Text(), "approve": Flag(), "reason": Nullable(Text())},
            ("approval_request_id", "approve"),
        ),
    },
)

ITEM_REFERENCE = Record({"type": Text(), "id": Text()}, ("id",))

RESPONSE = _with(
    ASKED,
    conversation=OneOf(("auto", "none")),
    input=ListOf(ByKey("type", {**ITEM.shapes, "item_reference": ITEM_REFERENCE})),
    metadata=Nullable(Pairs(16, Text(longest=512))),
    audio=Record({"output": Record({"format": FORMAT, "voice": VOICE})}),
)


def _event(required: tuple[str, ...] = (), **keys: Shape) -> Record:
    return Record({"type": Text(), "event_id": Nullable(Text(longest=512)), **keys}, required)


INDEX = Number(0, 1_000, whole=True)
LENGTH_MS = Number(0, 24 * 3_600_000, whole=True)

CLIENT_EVENTS: dict[str, Record] = {
    "session.update": _event(("session",), session=SESSION),
    "input_audio_buffer.append": _event(("audio",), audio=Text(longest=LONGEST_APPEND_CHARACTERS)),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "output_audio_buffer.clear": _event(),
    "conversation.item.create": _event(("item",), item=ITEM, previous_item_id=Nullable(Text())),
    "conversation.item.retrieve": _event(("item_id",), item_id=Text()),
    "conversation.item.delete": _event(("item_id",), item_id=Text()),
    "conversation.item.truncate": _event(
        ("item_id", "content_index", "audio_end_ms"),
        item_id=Text(),
        content_index=INDEX,
        audio_end_ms=LENGTH_MS,
    ),
    "response.create": _event(response=Nullable(RESPONSE)),
    "response.cancel": _event(response_id=Text()),
}
"""Every event a client may send, by type."""
