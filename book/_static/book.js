// The switch between the editions, and folded parts on paper.
(() => {
  const root = document.documentElement.dataset.content_root || "./";

  // editions.js is loaded from here, without the fingerprint that Sphinx adds to addresses: it changes when another edition
  // is built, which is after this page was.
  function loadEditions() {
    const script = document.createElement("script");
    script.src = `${root}_static/editions.js`;
    script.onload = () => addSwitch(window.bookEditions);
    document.head.append(script);
  }

  function addSwitch({ here, all }) {
    const bar = document.querySelector(".header-article-items__start");
    if (!bar || Object.keys(all).length < 2) return;
    const page = `${DOCUMENTATION_OPTIONS.pagename}.html`;
    const nav = document.createElement("nav");
    nav.className = "edition-switch";
    nav.setAttribute("aria-label", "Edition");
    for (const [name, edition] of Object.entries(all)) {
      const link = document.createElement("a");
      link.textContent = name;
      const target = root + edition.root + (edition.pages.includes(page) ? page : "index.html");
      link.href = target;
      if (name === here) link.setAttribute("aria-current", "true");
      else link.addEventListener("click", () => (link.href = target + location.search + location.hash));
      nav.append(link);
    }
    bar.append(nav);
  }

  // What is folded on a screen would be missing on paper.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", loadEditions);
  else loadEditions();
})();
