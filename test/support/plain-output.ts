/** What processes print is compared, so whoever wants colors from the tests does not get them from those processes. */
delete process.env["FORCE_COLOR"];
