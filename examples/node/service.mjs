// A small HTTP service on Node's own library, as a fleet wants one: it says when it is ready, and stops in order.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const NAME = "hello-node";
const VERSION = process.env.VERSION ?? "unknown";
const COPY = hostname();
const PREFIX = (process.env.PREFIX ?? "").replace(/\/+$/, ""); // of the paths that come to it, such as /node
const MOST_BODY = 1 << 20;
const QUIET_MS = 500; // stops once nothing was asked for so long,
const LINGER_MS = 5_000; // or so long after it was told to
const FINISH_MS = Number(process.env.FINISH_S ?? 20) * 1_000; // what is in flight then has so long to end

// A secret's text, from the file that NAME_FILE points to.
const secret = (name) =>
  process.env[`${name}_FILE`] ? readFileSync(process.env[`${name}_FILE`], "utf8").replace(/\n+$/, "") : "";

const TOKEN = secret("TOKEN");
const state = { ready: false, stopping: false, inFlight: 0, asked: performance.now() };

function say(response, status, content) {
  if (state.stopping) response.setHeader("Connection", "close");
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify(content)}\n`);
}

async function echo(request, response) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size <= MOST_BODY) parts.push(part); // the rest is read: else the answer would be a reset connection
  }
  if (size > MOST_BODY) return say(response, 413, { error: `at most ${MOST_BODY} bytes` });
  response.setHeader("Content-Type", request.headers["content-type"] ?? "text/plain");
  if (state.stopping) response.setHeader("Connection", "close");
  response.end(Buffer.concat(parts));
}

// Ten lines, one each 100 ms, as chunks.
async function stream(response) {
  response.writeHead(200, { "Content-Type": "text/plain" });
  for (let number = 0; number < 10 && !response.destroyed; number++) {
    response.write(`line ${number} of ${NAME} ${VERSION}\n`);
    await sleep(100);
  }
  response.end();
}

async function answer(request, response) {
  let path = request.url.split("?")[0];
  if (path.startsWith(PREFIX)) path = path.slice(PREFIX.length) || "/";
  if (path === "/healthz") {
    const ready = state.ready && !state.stopping;
    return say(response, ready ? 200 : 503, { ready });
  }
  state.inFlight++;
  state.asked = performance.now();
  response.once("close", () => state.inFlight--);
  const route = `${request.method} ${path}`;
  if (route === "GET /") return say(response, 200, { service: NAME, version: VERSION, copy: COPY });
  if (route === "POST /echo") return echo(request, response);
  if (route === "GET /stream") return stream(response);
  if (route === "GET /private") {
    const right = TOKEN !== "" && request.headers.authorization === `Bearer ${TOKEN}`;
    return say(response, right ? 200 : 401, { private: right });
  }
  return say(response, 404, { error: `no ${request.method} of ${path} here` });
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (!response.headersSent && !response.destroyed) say(response, 500, { error: error.message });
    else response.destroy();
  });
});
server.keepAliveTimeout = 65_000; // longer than the proxy in front keeps a connection: it is the one that closes

process.once("SIGTERM", async () => {
  // Health says 503 from now on, and those who ask go elsewhere; what still comes is answered, until nothing comes.
  state.stopping = true;
  state.asked = performance.now();
  const linger = performance.now() + LINGER_MS;
  while (performance.now() < Math.min(linger, state.asked + QUIET_MS)) await sleep(50);
  server.close();
  server.closeIdleConnections();
  const finish = performance.now() + FINISH_MS;
  while (state.inFlight > 0 && performance.now() < finish) await sleep(20);
  const left = state.inFlight > 0 ? ` with ${state.inFlight} in flight` : "";
  console.log(`${NAME} ${VERSION} has stopped${left}`);
  process.exit(left ? 1 : 0);
});

server.listen(Number(process.env.PORT ?? 8000), "0.0.0.0", 512, () => {
  state.ready = true;
  console.log(`${NAME} ${VERSION} is ready`);
});
