// The case form: judged while it is typed, kept as a draft, rows that grow. Without it, the buttons do the same.
const form = document.querySelector("#case");
const summary = document.querySelector("#summary");
const [says, missing, keptAt] = [".says", ".missing", ".kept-at"].map((name) => form.querySelector(name));
const token = document.querySelector('meta[name="csrf"]');
const PAUSE = { check: 400, draft: 1500, retry: 5000 };
const OFFLINE = "There is no connection to cmvigil. What you typed is still on this page.";
const LOGIN = "Your session is over. Log in again in another tab, then go on here: what you typed is still on this page.";

// --- talking to the server

// The fields that say something, as they are sent.
form.addEventListener("formdata", ({ formData }) => {
  for (const [name, value] of [...formData]) if (value.trim() === "") formData.delete(name);
});

async function post(address, more = {}) {
  const body = JSON.stringify({ ...Object.fromEntries(new FormData(form)), ...more });
  const headers = { "content-type": "application/json", accept: "application/json", "x-csrf-token": token.content };
  return fetch(address, { method: "POST", headers, body });
}

// Another login has another token; a page of ours brings it.
async function renewed() {
  const page = await fetch("/cases/new", { headers: { accept: "text/html" }, redirect: "manual" });
  if (!page.ok) return false;
  const found = new DOMParser().parseFromString(await page.text(), "text/html").querySelector('meta[name="csrf"]');
  token.content = found?.content ?? "";
  return found !== null;
}

async function send(address, more) {
  const answer = await post(address, more);
  if (answer.status !== 401 && answer.status !== 403) return answer;
  return (await renewed()) ? post(address, more) : answer;
}

function whyNot(answer) {
  if (answer === undefined) return OFFLINE;
  return answer.status === 401 || answer.status === 403 ? LOGIN : `cmvigil could not do it (${answer.status}). Try again in a moment; what you typed is still on this page.`;
}

// --- what our reader says, beside its fields

let found = [];
let judged = form.classList.contains("judged"); // a save was refused: nothing is held back any more

const fieldOf = (name) => document.getElementById(`f.${name}`);
const around = (element) => element.closest(".cell, .ask, td, th");

// What stands in the row that is being typed may still be open.
function waits(element) {
  const row = element.closest(".row, tr") ?? element.closest(".cell, .ask");
  return !judged && row.contains(document.activeElement);
}

function paint() {
  for (const old of form.querySelectorAll(".remark")) old.remove();
  for (const old of form.querySelectorAll("[aria-invalid]")) old.removeAttribute("aria-invalid");
  for (const { field, text, level } of found) {
    const element = fieldOf(field);
    if (element === null || waits(element)) continue;
    const remark = document.createElement("p");
    remark.className = `remark ${level}`;
    remark.id = `r.${field}`;
    remark.textContent = text;
    around(element).append(remark);
    element.setAttribute("aria-describedby", remark.id);
    if (level !== "note") element.setAttribute("aria-invalid", "true");
    element.closest("details:not([open])")?.setAttribute("open", "");
  }
  for (const link of document.querySelectorAll(".places a")) {
    const section = document.querySelector(link.hash).parentElement;
    link.dataset.count = section.querySelectorAll(".remark:not(.note)").length || "";
  }
}

function summarise(held, list) {
  summary.querySelector("h2").textContent = held;
  summary.querySelector("ul").replaceChildren(
    ...list.map(({ field, label, text }) => {
      const item = document.createElement("li");
      const place = document.createElement(fieldOf(field) ? "a" : "span");
      place.textContent = label;
      if (fieldOf(field)) place.href = `#f.${field}`;
      item.append(place, `: ${text}`);
      return item;
    }),
  );
  summary.hidden = false;
}

let asking = 0;
async function check() {
  const mine = ++asking;
  const answer = await send("/cases/check").catch(() => undefined);
  if (mine !== asking || !answer?.ok) return; // the draft says when there is no connection
  const said = await answer.json();
  found = said.found;
  paint();
  const errors = found.filter((each) => each.level === "error" && each.field !== "");
  if (judged) {
    const open = found.filter((each) => each.level !== "note");
    if (open.length) summarise(summary.querySelector("h2").textContent, open);
    else summary.hidden = true;
  }
  form.classList.toggle("waiting", said.says.length === 0);
  if (said.says.length) {
    says.textContent = said.says.slice(0, 2).join(" ");
    missing.textContent = said.missing.length ? `Missing most: ${said.missing.join("; ")}.` : "";
  } else {
    says.textContent = errors.length ? `${errors.length === 1 ? "One place" : `${errors.length} places`} still to mend.` : "";
    missing.textContent = "";
  }
}

// --- drafts: one request at a time, so that this page does not overtake itself

let keptText = JSON.stringify(typed());
let keeping = Promise.resolve();
let conflict = false;
let done = false;

function typed() {
  const fields = Object.fromEntries(new FormData(form));
  for (const name of ["csrf", "draft", "seen", "confirmed"]) delete fields[name];
  return fields;
}

async function keep() {
  const text = JSON.stringify(typed());
  if (conflict || done || text === keptText) return;
  const answer = await send("/cases/draft").catch(() => undefined);
  if (answer?.ok) {
    const kept = await answer.json();
    keptText = text;
    form.elements.draft.value = kept.draft;
    form.elements.seen.value = kept.seen;
    history.replaceState(null, "", `/cases/new?draft=${kept.draft}`);
    keptAt.textContent = `Draft kept at ${kept.time}.`;
    keptAt.classList.remove("lost");
  } else if (answer?.status === 409) {
    conflict = true;
    const { changed, draft } = await answer.json();
    const [other, own] = [document.createElement("a"), document.createElement("button")];
    other.href = `/cases/new?draft=${draft}`;
    other.target = "_blank";
    other.textContent = "See the other";
    own.type = "button";
    own.textContent = "Keep this as a draft of its own";
    own.addEventListener("click", () => {
      form.elements.draft.value = "";
      form.elements.seen.value = "0";
      conflict = false;
      keepSoon(0);
    });
    keptAt.replaceChildren(`${changed} `, own, " ", other);
    keptAt.classList.add("lost");
  } else if (answer?.status === 404 && form.elements.draft.value) {
    form.elements.draft.value = ""; // saved or thrown away in another tab: what is typed here is a draft of its own
    form.elements.seen.value = "0";
    keepSoon(0);
  } else {
    keptAt.textContent = `Not kept. ${whyNot(answer)}`;
    keptAt.classList.add("lost");
    keepSoon(PAUSE.retry);
  }
}

let draftTimer, checkTimer;
function keepSoon(pause = PAUSE.draft) {
  clearTimeout(draftTimer);
  draftTimer = setTimeout(() => (keeping = keeping.then(keep)), pause);
}

function changed() {
  clearTimeout(checkTimer);
  checkTimer = setTimeout(check, PAUSE.check);
  keepSoon();
}

addEventListener("beforeunload", (event) => {
  if (!done && JSON.stringify(typed()) !== keptText) event.preventDefault();
});

// --- saving

let saving = false;
async function save() {
  if (saving) return;
  saving = true;
  clearTimeout(draftTimer);
  await keeping;
  const answer = await send(form.getAttribute("action")).catch(() => undefined);
  saving = false;
  if (answer?.ok) {
    done = true;
    location.assign((await answer.json()).to);
    return;
  }
  if (answer?.status !== 422 && answer?.status !== 409) {
    summarise(`Not saved. ${whyNot(answer)}`, []);
    summary.focus();
    return;
  }
  const refused = await answer.json();
  judged = true;
  found = refused.found;
  form.elements.confirmed.value = refused.confirm;
  form.elements.base.value = refused.base;
  form.querySelector("button.main").textContent = refused.confirm ? "Save all the same" : "Save";
  const open = found.filter((each) => each.level !== "note");
  summarise(refused.held, open);
  paint();
  toFirst();
}

// The summary in sight where there is room, and the first place to mend in any case.
function toFirst() {
  summary.scrollIntoView({ block: "start" });
  (form.querySelector("[aria-invalid]") ?? summary).focus();
}

summary.addEventListener("click", (event) => {
  const place = event.target.closest("a");
  if (place === null) return;
  event.preventDefault();
  const field = fieldOf(decodeURIComponent(place.hash.slice(3))) ?? summary;
  field.closest("details:not([open])")?.setAttribute("open", "");
  field.focus();
});

form.addEventListener("submit", (event) => {
  const what = event.submitter?.value;
  if (what === "file") return; // a download: the page stays
  event.preventDefault();
  if (what === "save") save();
  else if (what === "draft") keepSoon(0);
});

// --- rows that grow

function renumbered(copy, from, to) {
  for (const element of [copy, ...copy.querySelectorAll("*")]) {
    for (const name of ["name", "id", "for", "value", "aria-describedby"]) {
      const text = element.getAttribute(name);
      if (text?.includes(from)) element.setAttribute(name, text.replace(from, to));
    }
    if (element.matches("input:not([type=hidden]), textarea")) element.value = "";
    if (element.matches("select")) element.selectedIndex = 0;
    element.removeAttribute("aria-invalid");
    if (element.matches("details")) element.open = false;
  }
  for (const old of copy.querySelectorAll(".remark, input[type=hidden][name$='.rest']")) old.remove();
  return copy;
}

function addRow(rows) {
  const last = rows.lastElementChild;
  const [table, index] = [rows.dataset.table, Number(last.dataset.row)];
  const copy = renumbered(last.cloneNode(true), `${table}.${index}`, `${table}.${index + 1}`);
  copy.dataset.row = index + 1;
  rows.append(copy);
  numbered(rows);
  return copy;
}

function numbered(rows) {
  [...rows.children].forEach((row, place) => {
    for (const said of row.querySelectorAll(".number, .away .vh, summary .vh")) {
      said.textContent = said.textContent.replace(/\d+/, place + 1);
    }
  });
}

function clear(row) {
  renumbered(row, "\0", "");
}

const matrix = form.querySelector(".matrix");
const testRows = () => [...matrix.tBodies[0].rows];
const dayCells = (row) => [...row.cells].slice(1, -1);

function addTest() {
  const last = testRows().at(-1);
  const index = Number(last.dataset.row);
  const copy = renumbered(last.cloneNode(true), `labs.${index}.`, `labs.${index + 1}.`);
  copy.dataset.row = index + 1;
  last.after(copy);
  return copy;
}

function addDay() {
  const at = Number(dayCells(matrix.tHead.rows[0]).at(-1).dataset.day);
  for (const row of matrix.rows) {
    const last = dayCells(row).at(-1);
    const place = dayCells(row).length;
    const head = last.tagName === "TH";
    const copy = renumbered(last.cloneNode(true), head ? `labs.day.${at}` : `.at${at}`, head ? `labs.day.${at + 1}` : `.at${at + 1}`);
    if (head) copy.dataset.day = at + 1;
    for (const said of copy.querySelectorAll("[aria-label]")) {
      said.setAttribute("aria-label", said.getAttribute("aria-label").replace(`ay ${place}`, `ay ${place + 1}`));
    }
    for (const said of copy.querySelectorAll(".vh")) said.textContent = `Day ${place + 1}`;
    last.after(copy);
  }
}

function grow(element) {
  const rows = element.closest(".rows");
  if (rows && element.closest(".row") === rows.lastElementChild) addRow(rows);
  if (!element.closest(".matrix")) return;
  if (element.closest("tr") === testRows().at(-1)) addTest();
  const cell = element.closest("td, th");
  if (cell === dayCells(cell.parentElement).at(-1)) addDay();
}

// The units of a test that is named, and how its fields are called.
function named(input) {
  const option = [...document.getElementById("l.tests").options].find((each) => each.value === input.value.trim().toLowerCase() || each.value === input.value.trim());
  const row = input.closest("tr");
  if (option) {
    const select = row.querySelector("select");
    select.replaceChildren(...option.dataset.units.split("|").map((unit) => new Option(unit.split("=")[1], unit.split("=")[0])));
    select.setAttribute("aria-label", `Unit of ${option.value}`);
  }
  dayCells(row).forEach((cell, place) => cell.querySelector("input").setAttribute("aria-label", `${input.value || "this test"}, day ${place + 1}`));
}

function takeAway(button) {
  const row = button.closest(".row");
  const rows = row.parentElement;
  const next = row.nextElementSibling ?? row.previousElementSibling;
  if (next === null) clear(row);
  else row.remove();
  numbered(rows);
  (next ?? row).querySelector("input:not([type=hidden]), select").focus();
  changed();
}

form.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches(".away")) {
    event.preventDefault();
    takeAway(button);
  } else if (button?.dataset.add) {
    event.preventDefault();
    const what = button.dataset.add;
    if (what === "days") addDay();
    const row = what === "labs" ? addTest() : what === "days" ? matrix.tHead : addRow(form.querySelector(`[data-table="${what}"]`));
    const inputs = row.querySelectorAll("input:not([type=hidden]), select");
    (what === "days" ? inputs[inputs.length - 1] : inputs[0]).focus();
  } else if (button?.matches("[data-paste]")) {
    event.preventDefault();
    const area = form.querySelector("#pasted");
    const rows = form.querySelector('[data-table="loads"]');
    const empty = [...rows.children].find((row) => [...row.querySelectorAll(".t-loads input")].every((input) => !input.value));
    pour(area.value, (empty ?? addRow(rows)).querySelector("input"));
    area.value = "";
  }
});

form.addEventListener("input", (event) => {
  if (event.target.id === "pasted") return;
  if (event.target.value) grow(event.target);
  if (event.target.matches("[list='l.tests']")) named(event.target);
  changed();
});
form.addEventListener("focusout", () => setTimeout(paint));

// --- a table that is pasted

const LINE = /^\s*(\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}|[^\s;,]+)[\s;,]+(\S.*)$/;

function pour(text, from) {
  let row = from.closest(".row, tr");
  const inRow = (each) => [...each.querySelectorAll(each.matches("tr") ? "td input" : ":scope > .cells :is(input, select)")];
  const first = inRow(row).indexOf(from);
  for (const line of text.split(/\r?\n/).filter((each) => each.trim())) {
    const loads = !line.includes("\t") && row.closest('[data-table="loads"]') && LINE.exec(line);
    const parts = loads ? loads.slice(1) : line.split("\t");
    parts.forEach((part, place) => {
      const target = inRow(row)[first + place];
      if (target === undefined) return;
      const wanted = part.trim();
      const option = target.options && [...target.options].find((each) => [each.value, each.text].includes(wanted));
      target.value = option ? option.value : wanted;
      grow(target);
    });
    row = row.nextElementSibling ?? (row.matches("tr") ? addTest() : addRow(row.parentElement));
  }
  inRow(row)[first]?.focus();
  changed();
}

form.addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text/plain");
  if (!/[\t\n]/.test(text.trim()) || !event.target.closest(".row, .matrix")) return;
  event.preventDefault();
  pour(text, event.target);
});

// --- the keyboard: Enter goes on, letters answer

const FIELDS = "input:not([type=hidden]), select, textarea";

// Whether this is where an empty row, or an empty day, begins: Enter there leaves the table.
function leaves(field) {
  const row = field.closest(".row");
  if (row) return row.querySelector(FIELDS) === field && [...row.querySelectorAll(FIELDS)].every((each) => !each.value);
  if (!field.closest(".day")) return false;
  const column = field.closest("th").cellIndex;
  return [...matrix.rows].every((each) => !each.cells[column]?.querySelector("input")?.value);
}

function next(from) {
  const fields = [...form.querySelectorAll(FIELDS)];
  const table = leaves(from) ? from.closest(".rows, .matrix") : null;
  const target = fields.slice(fields.indexOf(from) + 1).find((each) => {
    if (table?.contains(each)) return false;
    if (each.type === "radio" && (!each.checked || each.name === from.name)) return false;
    if (from.type === "radio" && each.closest(".its-day")) return false; // Tab leads there
    return each.checkVisibility();
  });
  arrive(target);
}

function arrive(target) {
  target?.focus();
  if (target?.matches("input:not([type=radio], [type=checkbox])")) target.select();
}

function nextSection(from) {
  const after = from.closest("section").nextElementSibling?.querySelectorAll(FIELDS) ?? [];
  arrive([...after].find((each) => each.checkVisibility() && (each.type !== "radio" || each.checked)));
}

const LETTERS = { y: "yes", n: "no", u: "unknown" };

form.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target;
  if (event.key === "Enter" && field.matches("input, select")) {
    event.preventDefault();
    if (event.shiftKey) nextSection(field);
    else next(field);
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && field.matches(".matrix td input, .matrix .day input")) {
    const row = field.closest("tr");
    const rows = [...matrix.rows];
    const target = rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)]?.cells[field.parentElement.cellIndex]?.querySelector("input");
    if (!target) return;
    event.preventDefault();
    target.focus();
    target.select();
  } else if (field.type === "radio") {
    const group = [...form.elements].filter((each) => each.name === field.name && each.type === "radio");
    const wanted = event.key === "Backspace" ? "" : LETTERS[event.key.toLowerCase()];
    const chosen = group.find((each) => each.value === wanted);
    if (chosen === undefined) return;
    event.preventDefault();
    chosen.checked = true;
    chosen.focus();
    changed();
  }
});

const scroller = matrix.parentElement;
const latest = dayCells(matrix.tHead.rows[0]).filter((cell) => cell.querySelector("input").value).at(-1);
if (latest) scroller.scrollLeft = latest.offsetLeft + 2 * latest.offsetWidth - scroller.clientWidth; // and an empty one
paint();
if (judged) toFirst();
check();
