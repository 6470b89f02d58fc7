// Shows a term's definition when it is pointed at or reached by keyboard. The definitions are in glossary-terms.js, which
// tools/book/finish_pages.py writes from the glossary page: nothing is fetched, so this works without a network and from a file.
// The box can be pointed at itself, stays while it is, and goes away with Escape.
(() => {
  const DELAY = 150; // milliseconds; long enough to cross the gap between word and box
  const box = document.createElement("div");
  box.id = "term-definition";
  box.className = "term-definition";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  let shownFor = null;
  let timer = 0;

  function definition(link) {
    return (window.bookTerms || {})[decodeURIComponent(link.hash.slice(1))];
  }

  function place(link) {
    const line = link.getClientRects()[0];
    const width = document.documentElement.clientWidth;
    box.style.left = "0";
    box.style.top = "0";
    const left = Math.max(8, Math.min(line.left, width - box.offsetWidth - 8));
    const below = line.bottom + 4;
    const fits = below + box.offsetHeight < window.innerHeight || line.top < box.offsetHeight;
    box.style.left = `${left + window.scrollX}px`;
    box.style.top = `${(fits ? below : line.top - box.offsetHeight - 4) + window.scrollY}px`;
  }

  function hide() {
    clearTimeout(timer);
    if (shownFor) shownFor.removeAttribute("aria-describedby");
    shownFor = null;
    box.hidden = true;
  }

  function show(link) {
    hide();
    shownFor = link;
    box.textContent = definition(link);
    box.hidden = false;
    link.setAttribute("aria-describedby", box.id);
    place(link);
  }

  function soon(action) {
    clearTimeout(timer);
    timer = setTimeout(action, DELAY);
  }

  function start() {
    const links = document.querySelectorAll('article a[href*="#term-"]:not(.headerlink)');
    if (!links.length) return;
    document.body.append(box);
    for (const link of links) {
      if (!definition(link)) continue;
      link.classList.add("term");
      link.addEventListener("mouseenter", () => soon(() => show(link)));
      link.addEventListener("mouseleave", () => soon(hide));
      link.addEventListener("focus", () => show(link));
      link.addEventListener("blur", hide);
    }
    box.addEventListener("mouseenter", () => clearTimeout(timer));
    box.addEventListener("mouseleave", () => soon(hide));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
