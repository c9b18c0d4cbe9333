// ONNX Runtime's side of scripts/bench_peers; the requests are those of benchmarks/network_worker.cpp.
//   node ort_worker.js THREADS [nospin]
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const ort = require("onnxruntime-node");

const threads = parseInt(process.argv[2], 10);
const spinning = process.argv[3] === "nospin" ? "0" : "1";
const options = {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: "all",
  executionMode: "sequential",
  extra: {session: {intra_op: {allow_spinning: spinning}}},
};

function readTensors(file) {
  const content = fs.readFileSync(file);
  const length = Number(content.readBigUInt64LE(0));
  const header = JSON.parse(content.toString("utf8", 8, 8 + length));
  const tensors = {};
  for (const [name, {dtype, shape, data_offsets: [begin, end]}] of Object.entries(header)) {
    const bytes = content.buffer.slice(content.byteOffset + 8 + length + begin, content.byteOffset + 8 + length + end);
    if (dtype === "F32") tensors[name] = new ort.Tensor("float32", new Float32Array(bytes), shape);
  }
  return tensors;
}

const workloads = new Map();

async function answer(line) {
  const [what, name, ...rest] = line.trim().split(" ");
  if (what === "load") {
    const [, , folder] = rest;
    const session = await ort.InferenceSession.create(path.join(folder, `${name}.onnx`), options);
    workloads.set(name, {session, feeds: readTensors(path.join(folder, `${name}.safetensors`))});
    return "ok";
  }
  const {session, feeds} = workloads.get(name);
  if (what === "run") {
    const start = performance.now();
    await session.run(feeds);
    return String(performance.now() - start);
  }
  if (what === "check") {
    const results = await session.run(feeds);
    const parts = session.outputNames.map((output) => Buffer.from(results[output].data.buffer));
    fs.writeFileSync(rest[0], Buffer.concat(parts));
    return "ok";
  }
  if (what === "drop") {
    await session.release();
    workloads.delete(name);
    return "ok";
  }
  throw new Error(`there is no request '${what}'`);
}

(async () => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    let text;
    try {
      text = await answer(line);
    } catch (error) {
      text = `error ${String(error.message).replace(/\s+/g, " ")}`;
    }
    process.stdout.write(text + "\n");
  }
})();
