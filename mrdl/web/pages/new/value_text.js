// Values of settings as one types them, and back.

/** A value as one would type it. */
export function asText(value) {
  if (value === null || value === undefined || value === "") return "";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * What was typed as a value of a type; undefined for nothing. What is none of that type stays text, and the server says
 * what it expected.
 */
export function fromText(type, typedText) {
  const text = typedText.trim();
  if (!text) return undefined;
  if (type === "int" || type === "float") return numberOf(text);
  if (type === "numbers") return text.startsWith("[") ? json(text) : parts(text).map(numberOf);
  if (type === "names") return parts(text);
  if (type === "str") return text;
  return json(text);
}

function parts(text) {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

export function numberOf(text) {
  const plain = text.replaceAll("_", "");
  return plain !== "" && Number.isFinite(Number(plain)) ? Number(plain) : text;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
