// Files may be dropped anywhere on the field; their names and size are told before they are sent.
const form = document.querySelector("#read");
const input = document.querySelector("#files");
const drop = document.querySelector("#drop");
const chosen = document.querySelector("#chosen");
const reading = document.querySelector("#reading");
const limit = Number(form.dataset.limit);

const carries = (event) => event.dataTransfer.types.includes("Files");

function tell() {
  const files = [...input.files];
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const names = files.map((file) => file.name).join(", ");
  const much = size > limit;
  input.setCustomValidity(much ? `Up to ${limit / 1e6} MB at a time; the command reads more.` : "");
  chosen.textContent = files.length ? `${names}: ${(size / 1e6).toFixed(1)} MB${much ? ", which is too much" : ""}` : "";
}

drop.addEventListener("dragover", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  drop.classList.add("over");
});
for (const end of ["dragleave", "drop"]) drop.addEventListener(end, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  const all = new DataTransfer();
  for (const file of [...input.files, ...event.dataTransfer.files]) all.items.add(file);
  input.files = all.files;
  tell();
});
input.addEventListener("change", tell);
form.addEventListener("submit", () => {
  reading.textContent = "Reading. Reads take a minute or more; another's are finished first.";
});
window.addEventListener("pageshow", () => {
  reading.textContent = ""; // back from the report
  tell();
});
