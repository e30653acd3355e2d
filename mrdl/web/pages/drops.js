// Files that are dropped on a page. Without this the browser would leave the page to show the file.

import { toast } from "./dom.js";

/**
 * Take a file that is dropped anywhere on the page. take: is told the File; over: is told whether one hangs above.
 * Gives a function that ends it.
 */
export function catchDrops(take, over = () => {}) {
  const end = new AbortController();
  const heard = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    over(event.type === "dragover");
    if (event.type !== "drop") return;
    const files = [...event.dataTransfer.files];
    const many =
      `${files.length} files were dropped, but one table is one file. ` +
      "Put them into a folder that the server reads to take all.";
    if (files.length > 1) toast(many, "error");
    else if (files.length) take(files[0]);
  };
  for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, heard, { signal: end.signal });
  return () => end.abort();
}
