// A module like a function's, loaded ahead of it.
exports.handler = async (event) => event;
