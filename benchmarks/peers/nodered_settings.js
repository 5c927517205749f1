// Settings of the Node-RED peer: no editor, no log, a pool of eight connections (PGHOST and so on say where).
// For each line on the standard input, a number of rows stored since the start, CLOCK_MONOTONIC is printed when so many are.
const { Pool } = require("pg");
let stored = 0, wanted = Infinity;
const look = () => {
    if (stored < wanted) return;
    wanted = Infinity;
    console.log(Number(process.hrtime.bigint()) / 1e9);
};
let told = false;
require("readline").createInterface({ input: process.stdin })
    .on("line", (line) => { wanted = Number(line); look(); })
    .on("close", () => process.exit(0));
module.exports = {
    uiHost: "127.0.0.1",
    httpAdminRoot: false,
    httpNodeRoot: false,
    logging: { console: { level: "off" } },
    functionGlobalContext: {
        pool: new Pool({ max: 8 }),
        stored: (rows) => { stored += rows; look(); },
        ready: () => { if (!told) { told = true; setTimeout(() => console.log("ready"), 500); } },
    },
};
