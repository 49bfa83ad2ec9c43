// The slider: fetches what was said on the chosen day and puts it in place. Without it, the links do the same.
const slider = document.querySelector("#day");
const days = slider.dataset.days.split(" ");
const shown = document.querySelector("#shown");
const name = document.querySelector("#day-name");
const spoken = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
let wanted = 0;

function step(link, at) {
  if (at in days) {
    link.href = `?as_of=${days[at]}`;
    link.removeAttribute("aria-disabled");
  } else {
    link.removeAttribute("href");
    link.setAttribute("aria-disabled", "true");
  }
}

async function go() {
  const at = Number(slider.value);
  const mine = ++wanted;
  const day = spoken.format(new Date(`${days[at]}T00:00:00Z`));
  name.textContent = day;
  slider.setAttribute("aria-valuetext", day);
  document.querySelector("#day-place").textContent = `${at + 1} of ${days.length} days with news`;
  step(document.querySelector("#back"), at - 1);
  step(document.querySelector("#next"), at + 1);
  await new Promise((done) => setTimeout(done, 120)); // while it is dragged, nothing is asked for
  if (mine !== wanted) return;
  const address = new URL(location.href);
  address.searchParams.set("as_of", days[at]);
  history.replaceState(null, "", address);
  shown.setAttribute("aria-busy", "true");
  const part = new URL(address);
  part.searchParams.set("part", "true");
  const answer = await fetch(part, { headers: { accept: "text/html" } });
  const text = answer.ok ? await answer.text() : "<p>This day could not be loaded. Reload the page.</p>";
  if (mine !== wanted) return; // another day was chosen meanwhile
  shown.innerHTML = text; // our own page's part, escaped by the server
  shown.removeAttribute("aria-busy");
  const whole = document.querySelector("#whole");
  const target = new URL(whole.href);
  target.searchParams.set("as_of", days[at]);
  whole.href = target;
}

slider.addEventListener("input", go);
