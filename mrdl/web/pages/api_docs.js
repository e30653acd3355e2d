// The page of the REST API, made from what the server says of itself in /api/openapi.json.

import { get } from "./api.js";
import { h, table } from "./dom.js";

const METHODS = ["get", "post", "put", "delete"];

export async function show(root, { signal }) {
  const api = await get("/api/openapi.json", { signal });
  root.append(
    h("h1", null, "REST API"),
    h(
      "div",
      { class: "stack tight" },
      h(
        "p",
        null,
        "All that these pages do can be done by a program. Send the token of the address that “mrdl web” printed:",
      ),
      h("pre", { tabindex: 0 }, `curl -H "Authorization: Bearer TOKEN" ${location.origin}/api/sessions`),
      h("p", null, "The same as OpenAPI: ", h("a", { href: "/api/openapi.json" }, "/api/openapi.json")),
    ),
  );
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    const name = path.split("/")[2] ?? "";
    if (!groups.has(name)) groups.set(name, []);
    for (const method of METHODS.filter((one) => methods[one])) groups.get(name).push([method, path, methods[method]]);
  }
  for (const [name, found] of groups) {
    const items = found.map((one) => operation(one, api));
    root.append(h("section", { class: "stack tight", "aria-label": name }, h("h2", null, name), items));
  }
}

function operation([method, path, about], api) {
  const head = h("summary", null, h("code", { class: "verb" }, method.toUpperCase()), " ", h("code", null, path));
  const said = (about.description ?? about.summary ?? "").trim();
  return h(
    "details",
    { class: "group" },
    head,
    h("div", { class: "stack tight" }, h("p", null, said), inputs(about, api)),
  );
}

/** What an operation takes: of its path, its query, and its body. */
function inputs(about, api) {
  const rows = (about.parameters ?? []).map((one) => row(one.name, one.in, one.schema, one.required, one.description));
  const body = about.requestBody?.content?.["application/json"]?.schema;
  const schema = body?.$ref ? api.components.schemas[body.$ref.split("/").pop()] : body;
  for (const [name, one] of Object.entries(schema?.properties ?? {})) {
    rows.push(row(name, "body", one, schema.required?.includes(name), one.description));
  }
  return rows.length ? table(`What ${about.operationId} takes`, ["Name", "In", "Type", "Needed"], rows) : null;
}

function row(name, where, schema, needed, description) {
  const about = description ? h("div", { class: "small muted" }, description) : null;
  const cells = [h("code", null, name), where, typeOf(schema), needed ? "yes" : "no"];
  return h(
    "tr",
    null,
    cells.map((cell, i) => h("td", null, cell, i ? null : about)),
  );
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return schema.enum ? schema.enum.join(", ") : (schema.type ?? "any");
}
