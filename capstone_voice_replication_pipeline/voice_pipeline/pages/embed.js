/* Takes a page of the service into this one: its headings go down, its styles and scripts stay outside. */
import { fill } from "./dom.js";
import { call } from "./service.js";

const DOWN = { H1: "h3", H2: "h4", H3: "h5", H4: "h6" };

export async function embed(path, place) {
  const text = (await (await call(path)).text()).replace(/<style>[^]*?<\/style>/g, ""); // the policy complains even of unused ones
  const page = new DOMParser().parseFromString(text, "text/html");
  const main = page.querySelector("main");
  main.querySelectorAll("noscript").forEach((element) => element.remove());
  main.querySelectorAll("h1, h2, h3, h4").forEach((heading) => {
    const lower = document.createElement(DOWN[heading.tagName]);
    for (const { name, value } of heading.attributes) lower.setAttribute(name, value);
    lower.append(...heading.childNodes);
    heading.replaceWith(lower);
  });
  main.querySelectorAll(".wide").forEach((wide) => {
    wide.tabIndex = 0;
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", wide.querySelector("caption")?.textContent ?? "Table");
  });
  main.querySelectorAll("a[href^='#']").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    const target = document.getElementById(decodeURIComponent(link.getAttribute("href").slice(1)));
    target?.scrollIntoView();
  }));
  fill(place, ...main.childNodes);
  return page;
}

/* Run scripts of this service in their order, again if they ran before. */
export async function run(...names) {
  for (const name of names) {
    await new Promise((done, failed) => {
      const script = document.createElement("script");
      script.onload = done;
      script.onerror = () => failed(new Error(`${name} cannot be loaded`));
      script.src = `/page/${name}`;
      document.head.append(script);
    });
  }
}
