// Standard input: a list of streams in base64. Standard output: for each, the requests that node's HTTP parser sees in
// it until it refuses: [[method, target, content], ...]. --lenient: its parser that accepts what others accept.
import http from "node:http";
import net from "node:net";
import { text } from "node:stream/consumers";

let seen;
const options = { insecureHTTPParser: process.argv.includes("--lenient"), maxHeaderSize: 1 << 16 };
const server = http.createServer(options, (request, response) => {
  const message = [request.method, request.url, ""];
  request.setEncoding("latin1");
  request.on("data", (data) => (message[2] += data));
  request.on("end", () => {
    seen.push(message);
    response.end();
  });
});
server.httpAllowHalfOpen = true;
server.on("clientError", (_, socket) => socket.destroy());

function cut(stream) {
  seen = [];
  return new Promise((resolve) => {
    const socket = net.connect(server.address().port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => resolve(seen));
    socket.resume();
    socket.end(stream);
  });
}

server.listen(0, "127.0.0.1", async () => {
  const cuts = [];
  for (const stream of JSON.parse(await text(process.stdin))) cuts.push(await cut(Buffer.from(stream, "base64")));
  server.close();
  console.log(JSON.stringify(cuts));
});
