// Runs a Node.js function: takes events from the Runtime API, hands them to the handler, posts what it answers.
// Works on Node.js 16 and later with nothing but what Node.js brings, in two ways: booted ahead, when _LAMBENT_CHANNEL
// names the descriptor from which the assignment's one JSON line comes, or with its complete environment.
import { closeSync, existsSync, readFileSync, readSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import util from "node:util";

import { Fault } from "./fault.mjs";
import { ResponseStream, defineGlobal, isStreaming } from "./streaming.mjs";

const require = createRequire(import.meta.url);
const API = "/2018-06-01/runtime";
const CUT_BYTES = 256 * 1024;
const MAJOR = Number(process.versions.node.split(".")[0]);

/** Callbacks ended with Node.js 22; since then, handlers return their result or a promise of it. What the function asked
 * for decides: another version may stand in for it. */
const hasCallbacks = (env) => Number(/^AWS_Lambda_nodejs(\d+)\.x$/.exec(env.AWS_EXECUTION_ENV)?.[1] ?? MAJOR) < 24;

// ---- errors that Lambda words itself ---------------------------------------------------------------------------------

const HANDLERS = "For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";
const CALLBACKS_ENDED =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to " +
  `modify this function to use a supported handler signature to use Node.js 24 or later. ${HANDLERS}`;
const CALLBACKS_WILL_END =
  "AWS Lambda plans to remove support for callback-based function handlers starting with Node.js 24. You will need to " +
  "update this function to use an async handler to use Node.js 24 or later. For more information and to provide " +
  "feedback on this change, see https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/137. To disable this " +
  "warning, set the AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING environment variable.";
const NEVER_SETTLED =
  "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that " +
  "was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes";

const NOT_ASYNC = "Streaming does not support non-async handlers.";
const NOT_FINISHED = "Response stream is not finished.";

/** The error document of anything that was thrown. */
function errorDocument(error) {
  try {
    if (util.types.isNativeError(error) || (error?.name && error.message && error.stack)) {
      return { errorType: String(error.name), errorMessage: String(error.message), trace: String(error.stack).split("\n") };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return { errorType: "handled", errorMessage: "The error that was thrown cannot be described.", trace: [] };
  }
}

// ---- the log ---------------------------------------------------------------------------------------------------------

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const current = { requestId: undefined, tenantId: undefined };

/** Write everything, also to a descriptor that somebody made non-blocking. */
function writeAll(descriptor, data) {
  for (let at = 0; at < data.length; ) {
    try {
      at += writeSync(descriptor, data, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** A frame: type and level, length, time in microseconds, text. What exceeds a log event's size follows as more frames. */
function framed(descriptor, isJson) {
  const type = isJson ? 0xa55a0002 : 0xa55a0003;
  return (level, date, text) => {
    const data = Buffer.from(text, "utf8");
    for (let at = 0; at < data.length; at += CUT_BYTES) {
      const part = data.subarray(at, at + CUT_BYTES);
      const frame = Buffer.allocUnsafe(16 + part.length);
      frame.writeUInt32BE((type | (LEVELS[level] << 2)) >>> 0, 0);
      frame.writeUInt32BE(part.length, 4);
      frame.writeBigUInt64BE(BigInt(date.getTime()) * 1000n, 8);
      part.copy(frame, 16);
      writeAll(descriptor, frame);
    }
  };
}

const asLines = (_level, _date, text) => process.stdout.write(`${text.slice(0, -1).replace(/\n/g, "\r")}\n`);

function withErrors(_key, value) {
  if (!(value instanceof Error)) return value;
  return {
    errorType: value.constructor?.name ?? "UnknownError",
    errorMessage: value.message,
    stackTrace: typeof value.stack === "string" ? value.stack.split("\n") : value.stack,
    ...value,
  };
}

function jsonLine(level, date, parts) {
  const line = { timestamp: date.toISOString(), level, requestId: current.requestId };
  if (current.tenantId != null) line.tenantId = current.tenantId;
  if (parts.length === 1) {
    try {
      return JSON.stringify({ ...line, message: parts[0] }, withErrors);
    } catch {
      return JSON.stringify({ ...line, message: util.format(parts[0]) });
    }
  }
  line.message = util.format(...parts);
  const error = parts.find((part) => part instanceof Error);
  return JSON.stringify(error ? { ...line, ...withErrors("", error) } : line);
}

const textLine = (level, date, parts) =>
  `${date.toISOString()}\t${current.requestId}\t${level}\t${util.format(...parts)}`;

/** Point the console at the log. Returns what writes an error of the function. */
function patchConsole() {
  const isJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
  const descriptor = process.env._LAMBDA_TELEMETRY_LOG_FD;
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  const write = descriptor === undefined ? asLines : framed(Number(descriptor), isJson);
  const line = isJson ? jsonLine : textLine;
  const threshold = LEVELS[process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? 0;
  const logger = (level) => (...parts) => {
    if (LEVELS[level] < threshold) return;
    const date = new Date();
    write(level, date, `${line(level, date, parts)}\n`);
  };
  for (const level of Object.keys(LEVELS)) console[level.toLowerCase()] = logger(level);
  console.log = console.info;
  const error = logger("ERROR");
  return isJson
    ? (_title, failure) => error(failure instanceof Error ? failure : new Error(String(failure)))
    : (title, failure) => error(title, `\t${inOneLine(failure)}`);
}

function inOneLine(failure) {
  const error = failure instanceof Error ? failure : new Error(String(failure));
  try {
    return JSON.stringify(error, (_key, value) => {
      if (!(value instanceof Error)) return value;
      const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
      if (typeof value.stack === "string") shown.stack = value.stack.split("\n");
      return shown;
    });
  } catch {
    return JSON.stringify(errorDocument(error));
  }
}

// ---- finding the handler ---------------------------------------------------------------------------------------------

/** The function that `file.export` or `folder/file.export.nested` names. */
async function findHandler(root, name, callbacks) {
  if (name.includes("..")) {
    const rule = "Use absolute paths when specifying root directories in handler names.";
    throw new Fault("MalformedHandlerName", `'${name}' is not a valid handler name. ${rule}`);
  }
  const base = path.basename(name);
  const parts = /^([^.]*)\.(.*)$/.exec(base);
  if (parts === null) throw new Fault("MalformedHandlerName", "Bad handler");
  const loaded = await loadModule(root, name.slice(0, name.indexOf(base)), parts[1]);
  const find = (from) => parts[2].split(".").reduce((value, key) => value && value[key], from);
  const handler = find(loaded) || (callbacks ? undefined : find(loaded?.default));
  if (!handler) throw new Fault("HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new Fault("HandlerNotFound", `${name} is not a function`);
  if (handler.length >= 3 && !callbacks && !isStreaming(handler)) {
    throw new Fault("CallbackHandlerDeprecated", CALLBACKS_ENDED);
  }
  return handler;
}

async function loadModule(root, folder, name) {
  try {
    return await loadFile(root, folder, name);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault("UserCodeSyntaxError", String(error));
    if (error?.code === "MODULE_NOT_FOUND") throw new Fault("ImportModuleError", String(error));
    throw error;
  }
}

async function loadFile(root, folder, name) {
  const file = path.resolve(root, folder, name);
  if (existsSync(file)) {
    const bare = require(file);
    if (bare) return bare;
  }
  if (existsSync(`${file}.js`)) {
    return isModuleFolder(path.dirname(file)) ? import(pathToFileURL(`${file}.js`)) : require(`${file}.js`);
  }
  if (existsSync(`${file}.mjs`)) return import(pathToFileURL(`${file}.mjs`));
  if (existsSync(`${file}.cjs`)) return require(`${file}.cjs`);
  return require(require.resolve(name, { paths: [root, path.join(root, folder)] }));
}

/** Whether the nearest package.json declares `"type": "module"`. */
function isModuleFolder(folder) {
  if (folder.endsWith("/node_modules")) return false;
  const description = path.join(folder, "package.json");
  if (existsSync(description)) {
    try {
      return JSON.parse(readFileSync(description, "utf8"))?.type === "module";
    } catch (error) {
      console.warn(`${description} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return folder !== "/" && isModuleFolder(path.dirname(folder));
}

// ---- the connection --------------------------------------------------------------------------------------------------

/** Splits what arrives into HTTP answers: `onAnswer(head, body)`, the head being text without its blank line. */
class Answers {
  constructor(onAnswer) {
    this.onAnswer = onAnswer;
    this.rest = null; // bytes of a head that is not complete
    this.body = null; // a body that is not complete, its head, and how much of it is there
    this.head = "";
    this.have = 0;
  }

  feed(data) {
    while (data.length > 0) {
      if (this.body !== null) {
        const taken = data.copy(this.body, this.have);
        this.have += taken;
        data = data.subarray(taken);
        if (this.have < this.body.length) return;
        const body = this.body;
        this.body = null;
        this.onAnswer(this.head, body);
        continue;
      }
      if (this.rest !== null) data = Buffer.concat([this.rest, data]);
      const end = data.indexOf("\r\n\r\n");
      this.rest = end < 0 ? data : null;
      if (end < 0) return;
      const head = data.toString("utf8", 0, end);
      const length = Number(/\r\ncontent-length: *([0-9]+)/i.exec(head)?.[1] ?? 0);
      const stop = end + 4 + length;
      if (stop <= data.length) {
        const body = data.subarray(end + 4, stop);
        data = data.subarray(stop);
        this.onAnswer(head, body);
        continue;
      }
      this.head = head;
      this.body = Buffer.allocUnsafe(length);
      this.have = data.copy(this.body, 0, end + 4);
      return;
    }
  }
}

const lowered = new Map(); // header names as they are sent → in lower case; there are a dozen

function parseHeaders(head) {
  const headers = {};
  for (let at = head.indexOf("\r\n") + 2; at > 1; ) {
    let end = head.indexOf("\r\n", at);
    if (end < 0) end = head.length;
    const colon = head.indexOf(":", at);
    const sent = head.slice(at, colon);
    let name = lowered.get(sent);
    if (name === undefined) {
      name = sent.toLowerCase();
      if (lowered.size < 64) lowered.set(sent, name);
    }
    headers[name] = head.slice(head[colon + 1] === " " ? colon + 2 : colon + 1, end).trimEnd();
    at = end === head.length ? 0 : end + 2;
  }
  return headers;
}

function connect(address) {
  const colon = address.lastIndexOf(":");
  const socket = net.connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true });
  socket.setNoDelay(true);
  return socket;
}

// ---- the runtime -----------------------------------------------------------------------------------------------------

/** The function's handler between the Runtime API on one side and the log on the other. */
class Runtime {
  constructor(socket, address) {
    this.socket = socket;
    this.address = address;
    this.host = `Host: ${address}\r\n`;
    this.next = `GET ${API}/invocation/next HTTP/1.1\r\n${this.host}\r\n`;
    this.handler = null;
    this.about = {};
    this.callbacks = true;
    this.isAsync = false;
    this.streams = false; // whether the handler streams its response
    this.response = null; // what it streams to now
    this.logError = () => {};
    this.phase = "init"; // init, idle, busy, ending
    this.owed = 0; // answers to come before the next event
    this.whenEmpty = null; // what to do when the event loop has nothing left
    this.status = 0;
    this.answers = new Answers((head, body) => this.onAnswer(head, body));
  }

  /** Read from the socket, and watch over what the function leaves uncaught. */
  attach() {
    this.listen();
    process.on("uncaughtException", (error) => this.abort("Uncaught Exception", error, 129));
    process.on("unhandledRejection", (reason) => {
      const error = new Fault("UnhandledPromiseRejection", String(reason));
      error.reason = reason;
      this.abort("Unhandled Promise Rejection", error, 128);
    });
    process.on("beforeExit", () => {
      const todo = this.whenEmpty;
      this.whenEmpty = null;
      todo?.();
    });
  }

  listen() {
    this.socket.on("data", (data) => this.answers.feed(data));
    this.socket.on("error", () => this.gone());
    this.socket.on("close", () => this.gone());
  }

  /** The Runtime API is gone, and so is the sense of this process. */
  gone() {
    process.exit(this.status);
  }

  /** Go on with a new connection: what is refused for its size costs the old one. */
  reopen() {
    this.socket.removeAllListeners();
    this.socket.on("error", () => {});
    this.socket.destroy();
    this.socket = connect(this.address);
    this.answers = new Answers((head, body) => this.onAnswer(head, body));
    this.listen();
  }

  async start(root, name) {
    this.logError = patchConsole();
    this.about = aboutFunction(process.env);
    // A module that awaits what never comes leaves the loop empty: the process ends with Node's status 13.
    this.socket.unref();
    this.callbacks = hasCallbacks(process.env);
    defineGlobal(process.env);
    this.handler = await findHandler(root, name, this.callbacks);
    this.isAsync = util.types.isAsyncFunction(this.handler);
    this.streams = isStreaming(this.handler);
    const isSilent = process.env.AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING !== undefined;
    if (this.handler.length === 3 && !this.isAsync && !this.streams && !isSilent) console.warn(CALLBACKS_WILL_END);
    this.socket.ref();
    this.phase = "idle";
    this.socket.write(this.next);
  }

  onAnswer(head, body) {
    if (this.phase === "ending") process.exit(this.status);
    if (this.owed > 0) {
      this.owed--;
      const isClosed = /\r\nconnection: close/i.test(head);
      if (isClosed) this.reopen();
      const isRefused = !head.startsWith("202", 9);
      if (this.response !== null && isRefused) this.response.refuse(`The response is refused: ${head.slice(9, 12)}`);
      else if (this.response === null && isClosed) this.socket.write(this.next);
      return;
    }
    if (!head.startsWith("200", 9)) {
      console.error(`The Runtime API refused to give an event: ${head.split("\r\n", 1)[0]}`);
      process.exit(1);
    }
    this.invoke(parseHeaders(head), body);
  }

  invoke(headers, body) {
    const id = headers["lambda-runtime-aws-request-id"];
    current.requestId = id;
    current.tenantId = headers["lambda-runtime-aws-tenant-id"];
    if (headers["lambda-runtime-trace-id"]) process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    else delete process.env._X_AMZN_TRACE_ID;
    this.phase = "busy";
    this.socket.unref();
    if (this.streams) {
      this.stream(headers, body, id);
      return;
    }
    const invocation = new Invocation(this, id);
    this.whenEmpty = () => invocation.leftAlone();
    try {
      const context = invocation.context(headers);
      const event = JSON.parse(body.toString("utf8"));
      const { handler } = this;
      invocation.take(this.callbacks ? handler(event, context, invocation.callback) : handler(event, context));
    } catch (error) {
      invocation.fail(error);
    }
  }

  /** Run a handler that streams its response; the next event is asked for when it is done with both. As on AWS, one that
   * never ends its response is waited for until its time is up. */
  async stream(headers, body, id) {
    const head = `POST ${API}/invocation/${id}/response HTTP/1.1\r\n${this.host}`;
    const response = new ResponseStream(this.socket, head, this.handler, () => this.owed++);
    const closed = new Promise((resolve) => response.once("close", resolve));
    this.response = response;
    this.whenEmpty = null;
    this.socket.ref();
    try {
      const context = new Invocation(this, id).streamingContext(headers);
      const result = this.handler(JSON.parse(body.toString("utf8")), response, context);
      if (typeof result?.then !== "function") throw this.worded(NOT_ASYNC);
      if ((await result) !== undefined) console.warn("Streaming handlers ignore return values.");
      await closed;
      if (!response.writableFinished) throw this.worded(NOT_FINISHED);
    } catch (error) {
      this.logError("Invoke Error", error);
      await new Promise((resolve) => response.fail(errorDocument(error), resolve));
    }
    if (this.phase === "ending") return;
    this.response = null;
    this.phase = "idle";
    this.socket.write(this.next);
  }

  /** An error in the runtime's words: the client up to Node.js 22 throws bare texts. */
  worded(text) {
    return this.callbacks ? text : new Error(text);
  }

  /** Post what the handler answered and ask for the next event, in one write. */
  post(kind, id, document, errorType) {
    const type = errorType === undefined ? "" : `Lambda-Runtime-Function-Error-Type: ${inHeader(errorType)}\r\n`;
    const length = Buffer.byteLength(document);
    const head = `POST ${API}/invocation/${id}/${kind} HTTP/1.1\r\n${this.host}${type}`;
    this.whenEmpty = null;
    this.phase = "idle";
    this.owed++;
    this.socket.ref();
    this.socket.write(`${head}Content-Length: ${length}\r\n\r\n${document}${this.next}`);
  }

  /** Report an error that ends the process, then end it. */
  abort(title, error, status) {
    if (this.phase === "ending") return;
    this.logError(title, error);
    const phase = this.phase;
    this.phase = "ending";
    this.status = status;
    if (phase === "idle") process.exit(status);
    const document = errorDocument(error);
    if (this.response?.isUnderWay) {
      this.response.fail(document, () => {});
      return;
    }
    const text = JSON.stringify(document);
    const where = phase === "init" ? "/init/error" : `/invocation/${current.requestId}/error`;
    const type = `Lambda-Runtime-Function-Error-Type: ${inHeader(document.errorType)}\r\n`;
    const head = `POST ${API}${where} HTTP/1.1\r\n${this.host}Content-Type: application/json\r\n${type}`;
    this.socket.ref();
    this.socket.write(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }
}

/** What every context says of the function; reading a variable is slow. */
const aboutFunction = (env) => ({
  functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
  functionName: env.AWS_LAMBDA_FUNCTION_NAME,
  memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
});

// An error may bear any name; a header may not.
const inHeader = (name) => name.replace(/[^\x21-\x7e]/g, "?");

/** One event's way to its answer, which is given once. */
class Invocation {
  constructor(runtime, id) {
    this.runtime = runtime;
    this.id = id;
    this.isDone = false;
    this.waits = true; // callbackWaitsForEmptyEventLoop
    this.callback = (error, result) => {
      if (error !== undefined && error !== null) this.fail(error);
      else if (this.waits) this.later(result);
      else this.succeed(result);
    };
  }

  context(headers) {
    const deadline = Number(headers["lambda-runtime-deadline-ms"]);
    return Object.assign(this.runtime.callbacks ? this.callbackContext() : {}, this.runtime.about, {
      clientContext: parsed(headers["lambda-runtime-client-context"], "ClientContext"),
      identity: parsed(headers["lambda-runtime-cognito-identity"], "CognitoIdentity"),
      invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
      awsRequestId: this.id,
      tenantId: headers["lambda-runtime-aws-tenant-id"],
      getRemainingTimeInMillis: () => deadline - Date.now(),
    });
  }

  /** The same for a handler that streams, which ends by its promise and its stream alone. */
  streamingContext(headers) {
    const context = this.context(headers);
    for (const name of ["succeed", "fail", "done"]) delete context[name];
    return context;
  }

  callbackContext() {
    const invocation = this;
    return {
      get callbackWaitsForEmptyEventLoop() {
        return invocation.waits;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        invocation.waits = Boolean(value);
      },
      succeed: (result) => this.succeed(result),
      fail: (error) => this.fail(error ?? "handled"),
      done: (error, result) => (error !== undefined && error !== null ? this.fail(error) : this.succeed(result)),
    };
  }

  /** What the handler returned: a promise decides; with callbacks, anything else is not yet an answer. */
  take(result) {
    if (typeof result?.then === "function") {
      result.then(
        (value) => this.succeed(value),
        (error) => this.fail(error),
      );
    } else if (!this.runtime.callbacks) {
      this.succeed(result);
    }
  }

  /** Answer when the function has nothing left to do. */
  later(result) {
    if (this.isDone) return;
    this.isDone = true;
    this.runtime.whenEmpty = () => this.answer(result);
  }

  /** The event loop is empty and there is no answer. */
  leftAlone() {
    if (this.isDone) return;
    if (this.runtime.isAsync || !this.runtime.callbacks) {
      const error = new Fault("NodeJsExit", NEVER_SETTLED);
      this.fail(error);
    } else {
      this.succeed(null);
    }
  }

  succeed(result) {
    if (this.isDone) return;
    this.isDone = true;
    this.answer(result);
  }

  answer(result) {
    let document;
    try {
      // JSON.stringify gives undefined for a function or a symbol, too.
      document = JSON.stringify(result === undefined ? null : result) ?? "null";
    } catch {
      this.report(new Error("Unable to stringify response body"));
      return;
    }
    this.runtime.post("response", this.id, document);
  }

  fail(error) {
    if (this.isDone) return;
    this.isDone = true;
    this.report(error);
  }

  report(error) {
    this.runtime.logError("Invoke Error", error);
    const document = errorDocument(error);
    this.runtime.post("error", this.id, JSON.stringify(document), document.errorType);
  }
}

function parsed(text, name) {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

// ---- the start -------------------------------------------------------------------------------------------------------

/** Load and run once what an assignment and an invocation need, before it belongs to anyone. */
async function rehearse() {
  await import("./rehearsal.mjs");
  require("./rehearsal.cjs");
  delete require.cache[require.resolve("./rehearsal.cjs")];
  const runtime = new Runtime({ write() {}, ref() {}, unref() {} }, "rehearsal");
  runtime.handler = async (event) => event;
  const head = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 0\r\nLambda-Runtime-Deadline-Ms: 0\r\nContent-Length: 2";
  runtime.answers.feed(Buffer.from(`${head}\r\n\r\n{}`));
  await new Promise((resolve) => setImmediate(resolve));
  current.requestId = undefined;
  current.tenantId = undefined;
  const before = { ...process.env };
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, number) => [`REHEARSED_${number}`, "x"]));
  replaceEnvironment(JSON.parse(JSON.stringify({ ...before, ...many })));
  replaceEnvironment(before);
}

/** Ask the Runtime API something that changes nothing: the first bytes on a socket take ten times as long as others. */
async function ping(socket, host) {
  const pong = new Promise((resolve) => socket.once("data", resolve).once("close", resolve));
  socket.write(`GET /2018-06-01/ping HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await pong;
  socket.removeAllListeners("close");
}

/** Collect the garbage of booting now, and not while a function is waited for. */
function collect() {
  const v8 = require("node:v8");
  v8.setFlagsFromString("--expose-gc");
  const gc = require("node:vm").runInNewContext("gc");
  v8.setFlagsFromString("--no-expose-gc");
  gc();
}

function readLine(descriptor) {
  const parts = [];
  const part = Buffer.alloc(65536);
  for (;;) {
    const count = readSync(descriptor, part);
    if (count === 0) process.exit(0);
    parts.push(Buffer.from(part.subarray(0, count)));
    if (part[count - 1] === 10) break;
  }
  closeSync(descriptor);
  return Buffer.concat(parts).toString("utf8");
}

function replaceEnvironment(env) {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  // Setting TZ makes all that is known of time zones be looked up again, also when it stays the same.
  for (const [name, value] of Object.entries(env)) if (name !== "TZ" || process.env.TZ !== value) process.env[name] = value;
  // CommonJS reads NODE_PATH once, at the process's start.
  require("node:module").Module._initPaths();
}

const address = process.env.AWS_LAMBDA_RUNTIME_API;
const channel = process.env._LAMBENT_CHANNEL;
// A waiting process connects when it is ready: its owner takes the connection for that.
if (channel !== undefined) await rehearse();
const socket = connect(address);
const runtime = new Runtime(socket, address);
await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
if (channel !== undefined) {
  await ping(socket, address);
  collect();
  replaceEnvironment(JSON.parse(readLine(Number(channel))).env);
}
runtime.attach();
const root = process.env.LAMBDA_TASK_ROOT ?? "/var/task";
if (existsSync(root)) process.chdir(root);
await runtime.start(root, process.env._HANDLER ?? "").catch((error) => runtime.abort("Uncaught Exception", error, 129));
