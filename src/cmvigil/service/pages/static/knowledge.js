// Finds while one types. Without it the button does the same.
const form = document.querySelector("#find");
const found = document.querySelector("#found");
const ways = document.querySelector("#ways");
let wanted = 0;

async function find() {
  const mine = ++wanted;
  await new Promise((done) => setTimeout(done, 150)); // until a pause in the typing
  if (mine !== wanted) return;
  const address = new URL("/knowledge", location.href);
  for (const [name, value] of new FormData(form)) if (value) address.searchParams.set(name, value);
  history.replaceState(null, "", address);
  found.setAttribute("aria-busy", "true");
  const part = new URL(address);
  part.searchParams.set("part", "true");
  const answer = await fetch(part, { headers: { accept: "text/html" } });
  const text = answer.ok ? await answer.text() : "<p>Not found. Reload the page.</p>";
  if (mine !== wanted) return; // more was typed meanwhile
  found.innerHTML = text; // our own page's part, escaped by the server
  found.removeAttribute("aria-busy");
  ways.classList.toggle("after", text.trim() !== "");
}

form.addEventListener("input", find);
