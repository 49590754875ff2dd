// How a browser opens the server's WebSocket: it cannot send headers, so the key goes along as a subprotocol.

/** `query` says what is opened: `{model}` a session, `{call_id}` one that is running. */
export function openWebSocket(query, key) {
  const url = new URL(`/v1/realtime?${new URLSearchParams(query)}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, ["realtime", ...(key ? [`openai-insecure-api-key.${key}`] : [])]);
}

/** A client secret opens sessions and does nothing else; it brings the session's settings along. */
export function isSecret(key) {
  return key.startsWith("ek_");
}
