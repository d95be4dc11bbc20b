// Prints {path: JSON} of the HCL files named on the command line, as the syntax library behind @cdktf/hcl2json reads them; {path: text}
// where it refuses one. Expressions stay texts: "${upper("a")}". The package is looked for in the folder that HCL2JSON names.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { parse } = createRequire(process.env.HCL2JSON + "/")("@cdktf/hcl2json");
const files = {};
for (const path of process.argv.slice(2)) {
  files[path] = await parse(path, readFileSync(path, "utf8")).catch((error) => error.message);
}
process.stdout.write(JSON.stringify(files), () => process.exit(0));
