// An electronic record in a browser: it makes itself a key, discovers a service, calls it, shows the card, and tells
// what became of it. It knows of the service only what CDS Hooks says.
const bytes = (value) => new TextEncoder().encode(value);
const base64url = (data) => btoa(String.fromCharCode(...new Uint8Array(data)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const algorithm = { name: "ECDSA", namedCurve: "P-384" };
let keys;

/** A new key pair; its public half as a JWK set. */
export async function makeKeys() {
  keys = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  return { keys: [{ ...(await crypto.subtle.exportKey("jwk", keys.publicKey)), kid: "browser", use: "sig" }] };
}

async function token(audience, issuer, now) {
  const header = { alg: "ES384", typ: "JWT", kid: "browser" };
  const claims = { iss: issuer, aud: audience, iat: now, exp: now + 300, jti: crypto.randomUUID() };
  const message = [header, claims].map((part) => base64url(bytes(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-384" }, keys.privateKey, bytes(message));
  return `${message}.${base64url(signature)}`;
}

async function ask(url, { issuer, now, body }) {
  const headers = { Authorization: `Bearer ${await token(url, issuer, now)}` };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(url, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

/** Open a patient: discover, prefetch what is asked for, call, and show the cards. */
export async function open(base, caller, patient, data) {
  const { services } = await ask(`${base}/cds-services`, caller);
  const service = services.find((each) => each.hook === "patient-view");
  const prefetch = Object.fromEntries(Object.keys(service.prefetch).map((key) => [key, data[key] ?? null]));
  const context = { userId: "Practitioner/1", patientId: patient };
  const body = { hook: service.hook, hookInstance: crypto.randomUUID(), context, prefetch };
  const url = `${base}/cds-services/${service.id}`;
  const { cards } = await ask(url, { ...caller, body });
  document.querySelector("main").replaceChildren(...cards.map((card) => shown(card, url, caller)));
}

function shown(card, url, caller) {
  const article = document.createElement("article");
  article.className = card.indicator;
  article.append(Object.assign(document.createElement("h2"), { textContent: card.summary }));
  article.append(Object.assign(document.createElement("pre"), { textContent: card.detail }));
  for (const reason of card.overrideReasons) {
    const button = Object.assign(document.createElement("button"), { textContent: reason.display });
    button.addEventListener("click", async () => {
      const overrideReason = { reason: { code: reason.code, system: reason.system } };
      const outcomeTimestamp = new Date(caller.now * 1000).toISOString();
      const feedback = [{ card: card.uuid, outcome: "overridden", overrideReason, outcomeTimestamp }];
      await ask(`${url}/feedback`, { ...caller, body: { feedback } });
      article.remove();
    });
    article.append(button);
  }
  return article;
}
