// A module like a function's, loaded ahead of it.
export const handler = async (event) => event;
