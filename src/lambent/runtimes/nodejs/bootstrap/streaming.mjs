// Handlers that stream their response: what marks them, what they write to, and how that goes to the Runtime API.
import { Writable } from "node:stream";

import { Fault } from "./fault.mjs";

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const WITH_PRELUDE = "application/vnd.awslambda.http-integration-response";
const LONGEST_ERROR = 256 * 1024; // of a trailer
const LAST = "0\r\n";

/** Whether a handler is one that streams. */
export function isStreaming(handler) {
  const mark = handler[STREAMING];
  if (mark === undefined || mark === null || mark === false) return false;
  if (mark !== "response") throw new Fault("MalformedStreamingHandler", "Only response streaming is supported.");
  return true;
}

/** Writes what a function URL makes its answer's head of before the first that the function writes. */
class HttpResponseStream {
  static from(stream, metadata) {
    stream.setContentType(WITH_PRELUDE);
    const prelude = JSON.stringify(metadata);
    stream._onBeforeFirstWrite = (write) => {
      write(prelude);
      write(new Uint8Array(8));
    };
    return stream;
  }
}

/** Give functions the global object by which they mark their handlers, unless they ask not to have it. */
export function defineGlobal(env) {
  if (["1", "true"].includes(env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    ...globalThis.awslambda,
    streamifyResponse(handler, options) {
      handler[STREAMING] = "response";
      if (typeof options?.highWaterMark === "number") handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      return handler;
    },
    HttpResponseStream,
  };
}

/** How much a handler wants to be held of what it writes, if it says so. */
const highWaterMark = (handler) => Number(handler[HIGH_WATER_MARK]) || undefined;

/** What a handler writes its response to: chunks of a request on the Runtime API's socket, which is begun by the first
 * of them and holds the handler up when it is full. */
export class ResponseStream extends Writable {
  #socket;
  #head;
  #onBegin;
  #contentType = "application/octet-stream";
  #isWritten = false; // the handler has written something
  #isBegun = false; // the head is sent
  #isOver = false; // the last chunk is sent, or nobody wants any more
  #trailers = "";

  /** `head` lacks what is said of the content; `onBegin` is called before it is sent. */
  constructor(socket, head, handler, onBegin) {
    super({ highWaterMark: highWaterMark(handler) });
    this.#socket = socket;
    this.#head = head;
    this.#onBegin = onBegin;
    this.on("error", () => {}); // who writes is told by callbacks and promises; that it broke ends nothing else
  }

  /** Whether the Runtime API has heard of this response, and not of its end. */
  get isUnderWay() {
    return this.#isBegun && !this.#isOver;
  }

  setContentType(contentType) {
    if (this.#isWritten) throw new Fault("InvalidStreamingOperation", "Cannot set content-type, too late.");
    const text = String(contentType);
    if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) {
      const error = new TypeError('Invalid character in header content ["Content-Type"]');
      throw Object.assign(error, { code: "ERR_INVALID_CHAR" });
    }
    this.#contentType = text;
  }

  write(chunk, encoding, callback) {
    const isRaw = typeof chunk === "string" || chunk instanceof Uint8Array;
    if (!this.#isWritten) {
      this.#isWritten = true;
      if (typeof this._onBeforeFirstWrite === "function") this._onBeforeFirstWrite((part) => super.write(part));
    }
    return super.write(isRaw ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  _write(chunk, _encoding, done) {
    this.#send([chunk], chunk.length, done);
  }

  _writev(writes, done) {
    const chunks = writes.map(({ chunk }) => chunk);
    this.#send(chunks, chunks.reduce((sum, { length }) => sum + length, 0), done);
  }

  _final(done) {
    this.#finish(done);
  }

  /** End the response by an error, after what is written already; `done` when that is sent. */
  fail(document, done) {
    const error = JSON.stringify(document);
    const short = { ...document, errorMessage: document.errorMessage.slice(0, 65536), trace: [] };
    const body = Buffer.from(error.length > LONGEST_ERROR ? JSON.stringify(short) : error).toString("base64");
    const type = document.errorType.replace(/[^\x21-\x7e]/g, "?");
    this.#trailers = `Lambda-Runtime-Function-Error-Type: ${type}\r\nLambda-Runtime-Function-Error-Body: ${body}\r\n`;
    if (this.destroyed || this.writableEnded) this.#finish(done);
    else this.end(done);
  }

  /** Nobody takes this response any more: what is written fails. */
  refuse(reason) {
    this.#isOver = true;
    this.destroy(new Error(reason));
  }

  #begin() {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#onBegin();
    this.#socket.write(
      `${this.#head}Content-Type: ${this.#contentType}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n` +
        "Transfer-Encoding: chunked\r\n" +
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n",
    );
  }

  #send(chunks, length, done) {
    if (this.#isOver || length === 0) {
      done();
      return;
    }
    const socket = this.#socket;
    socket.cork();
    this.#begin();
    socket.write(`${length.toString(16)}\r\n`);
    for (const chunk of chunks) socket.write(chunk);
    socket.write("\r\n", done);
    socket.uncork();
  }

  #finish(done) {
    if (this.#isOver) {
      done();
      return;
    }
    this.#isOver = true;
    this.#socket.cork();
    this.#begin();
    this.#socket.write(`${LAST}${this.#trailers}\r\n`, done);
    this.#socket.uncork();
  }
}
