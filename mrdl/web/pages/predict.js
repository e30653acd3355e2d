// The page on which a finished network predicts: values that are typed in, or a file.

import { get, session } from "./api.js";
import { empty, h } from "./dom.js";
import { shown } from "./predict/answer.js";
import { fromTable } from "./predict/from_table.js";
import { typed } from "./predict/typed.js";
import { address, head } from "./session/head.js";
import { section } from "./session/parts.js";

export async function show(root, { key, signal }) {
  const told = await get(session(key), { signal });
  const made = head(told, "predict", async () => made.update(await get(session(key), { signal })));
  root.append(made.node);
  let inputs;
  try {
    inputs = await get(session(key, "inputs"), { signal });
  } catch (error) {
    if (error.name === "AbortError" || error.status === 0 || error.status === 401) throw error;
    const back = h("a", { class: "button", href: address(key) }, "See how far it is");
    root.append(empty("There is no network to ask yet", error.message, back));
    return;
  }
  const answer = h("div", { class: "stack" });
  const tell = (found, name) => {
    shown(answer, found, name);
    answer.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
  root.append(
    h(
      "div",
      { class: "halves" },
      section(
        "Type values",
        typed(key, inputs.columns, (found) => tell(found, "")),
      ),
      section("Or give a table", fromTable(key, tell, signal)),
    ),
    answer,
  );
}
