// Errors that Lambda words itself.

export class Fault extends Error {
  constructor(kind, message) {
    super(message);
    this.name = `Runtime.${kind}`;
    this.stack = this.stack.replace(/^[^\n:]*/, this.name);
  }
}
