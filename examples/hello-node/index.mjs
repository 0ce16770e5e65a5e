export const handler = async (event) => {
  console.log("called with", event);
  return { statusCode: 200, body: "Hello world", headers: {} };
};
