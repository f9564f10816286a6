"""A small MCP server that speaks over its standard streams, in a process of its own as users have them.

It speaks the protocol itself (JSON-RPC, one message a line): to import the `mcp` package takes it five seconds of work.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

NUMBER = {"type": "number"}
TOOLS = {
    "add": ("Add two numbers.", {"a": NUMBER, "b": NUMBER}),
    "wait": ("Wait.", {"seconds": NUMBER}),
    "plot": ("Draw a picture.", {}),
}
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAHgAAAA8CAIAAAAiz+n/AAAAo0lEQVR4nO3QQRHAIADAMEDNNOFfABKmYuWxREGv8+xn8L11O+AvjI4YHTE6"
    "YnTE6IjREaMjRkeMjhgdMTpidMToiNERoyNGR4yOGB0xOmJ0xOiI0RGjI0ZHjI4YHTE6YnTE6IjREaMjRkeMjhgdMTpidMToiNERoyNGR4yO"
    "GB0xOmJ0xOiI0RGjI0ZHjI4YHTE6YnTE6IjREaMjRkeMjhgdeQF42gHqSLXeRgAAAABJRU5ErkJggg=="
)
"""A PNG of 120 by 60 points."""


def main() -> None:
    """Serve until the client leaves."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            threading.Thread(target=_answer, args=(request,), daemon=True).start()


def _answer(request: dict[str, Any]) -> None:
    result = _result(request["method"], request.get("params") or {})
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


def _result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        about = {"name": "tests", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": about}
    if method == "tools/list":
        return {"tools": [_tool(name) for name in TOOLS]}
    if method == "tools/call":
        text = {"type": "text", "text": _call(params["name"], params["arguments"])}
        image = {"type": "image", "data": PICTURE, "mimeType": "image/png"}
        return {"content": [text, image] if params["name"] == "plot" else [text], "isError": False}
    return {}


def _tool(name: str) -> dict[str, Any]:
    description, properties = TOOLS[name]
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "inputSchema": schema}


def _call(name: str, arguments: dict[str, Any]) -> str:
    if name == "add":
        return str(arguments["a"] + arguments["b"])
    if name == "plot":
        return "drawn"
    time.sleep(arguments["seconds"])
    return "waited"


if __name__ == "__main__":
    main()
