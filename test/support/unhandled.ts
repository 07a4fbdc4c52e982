/** No test may leave an unhandled rejection behind: it fails the run even when every assertion passed. */
process.on("unhandledRejection", (reason) => {
  console.error("unhandled rejection during the tests:", reason);
  process.exitCode = 1;
  throw reason;
});
