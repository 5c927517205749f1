// The function node of the Node-RED peer. `most`: rows in one INSERT; 1: the rows of each message by themselves.
// Reports rows stored on the standard output, where the benchmark waits for them.
const document = JSON.parse(msg.payload);
const rows = context.get("rows") || [[], [], [], []];
document.meters.forEach((meter, row) => document.quantities.forEach((quantity, column) => {
    rows[0].push(meter);
    rows[1].push(quantity);
    rows[2].push(document.time);
    rows[3].push(document.values[row][column]);
}));
context.set("rows", rows);
const insert = async () => {
    const full = context.get("rows");
    context.set("rows", [[], [], [], []]);
    if (!full[0].length) return;
    await global.get("pool").query(
        "INSERT INTO reading SELECT * FROM unnest($1::int[], $2::smallint[], $3::timestamptz[], $4::bigint[]) ON CONFLICT DO NOTHING",
        full);
    global.get("stored")(full[0].length);
};
clearTimeout(context.get("timer"));
const most = MOST;
if (rows[0].length >= most) await insert();
else context.set("timer", setTimeout(insert, 50));
return null;
