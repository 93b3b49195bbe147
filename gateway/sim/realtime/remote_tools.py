"""The tools of remote MCP servers, which the server finds out about when it is told of one."""

from collections.abc import Iterable

from gateway.sim.realtime.context import Context
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.items import Item
from gateway.sim.realtime.turn import Json


def list_remote_tools(context: Context, tools: Iterable[Json]) -> None:
    """Ask each remote server among *tools* what it has to offer."""
    for tool in tools:
        if tool["type"] == "mcp":
            _list_tools_of(context, tool["server_label"])


def _list_tools_of(context: Context, server_label: str) -> None:
    item_id = new_id("item")
    context.emit("mcp_list_tools.in_progress", item_id=item_id)
    offered = [{"name": name, "input_schema": {"type": "object"}} for name in context.behaviour.mcp_tools]
    fields = {"server_label": server_label, "tools": offered}
    item = Item(item_id, "mcp_list_tools", fields=fields)
    before = context.conversation.add(item)
    context.emit("conversation.item.added", previous_item_id=before, item={**item.view(), "tools": []})
    context.emit("conversation.item.done", previous_item_id=before, item=item.view())
    context.emit("mcp_list_tools.completed", item_id=item_id)
