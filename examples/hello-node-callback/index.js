exports.handler = (event, context, callback) => {
  console.log("called with", event);
  callback(null, { statusCode: 200, body: "Hello world", headers: {} });
};
