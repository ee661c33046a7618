import { fork } from "node:child_process";
import { defineRequest } from "@belfry/contracts";
import { createBus } from "@belfry/runtime";
import { z } from "zod";
const url = "redis://127.0.0.1:6390";
const Q = defineRequest("pricing.quote", { input: z.object({ sku: z.string(), pad: z.string() }), output: z.object({ cents: z.number(), pad: z.string() }), timeout: "60s" });
const pad = "x".repeat(150);
const [, file, role] = process.argv;
if (role === "belfry") {
  const bus = createBus({ url, name: "pricing", namespace: "rb2" });
  await bus.respond(Q, ({ pad: pad2 }) => ({ cents: 5, pad: pad2 }), { concurrency: 1e3 });
  process.send("ready");
  process.on("message", () => {
    console.log("responder", (process.cpuUsage().user / 15e4).toFixed(1), "us/req");
    process.exit();
  });
} else {
  const k = fork(file, ["belfry"]);
  await new Promise((r) => k.once("message", r));
  const bus = createBus({ url, name: "shop", namespace: "rb2" });
  let left = 15e4;
  const t = performance.now();
  await Promise.all(Array.from({ length: 256 }, async () => {
    while (left-- > 0) await bus.request(Q, { sku: "x", pad });
  }));
  console.log(15e4 / (performance.now() - t) * 1e3 | 0, "per s; caller", (process.cpuUsage().user / 15e4).toFixed(1), "us/req");
  k.send("end");
  await new Promise((r) => k.once("exit", r));
  process.exit();
}
