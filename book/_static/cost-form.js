// The form of the chapter on more than one machine: hours and money from assumptions that the reader can change.
// It computes what `bill` in that chapter computes, and begins with the same numbers (tests/browser/test_cost_form.py).
(() => {
  const WORK = [
    ["photos", "photos", 1e8],
    ["megabytes", "megabytes of a photo", 3.4],
    ["decode", "ms of a core to decode it", 40],
    ["network", "ms of a core for the network", 10],
    ["fit", "ms of a core for the fit", 0.08],
  ];
  const MACHINE = [
    ["machines", "machines", 1],
    ["cores", "cores of each", 1],
    ["gpu", "GPU of each, worth so many cores (0: none)", 0],
    ["disk", "disk for all together, MB/s", 0],
    ["price", "dollars an hour for each", 0],
  ];
  const MACHINES = {
    laptop: [1, 8, 0, 2000, 0.02],
    "one GPU": [1, 4, 100, 1000, 1.006],
    cluster: [20, 16, 0, 1000, 0.653],
  };
  const ABOVE_ZERO = new Set(["photos", "machines", "cores", "disk"]);

  function stages(work, machine) {
    const cores = machine.cores * machine.machines;
    return {
      read: work.megabytes / machine.disk,
      decode: work.decode / 1000 / cores,
      network: work.network / 1000 / (machine.gpu * machine.machines || cores),
      fit: work.fit / 1000,
    };
  }

  function bill(work, machine) {
    const one = stages(work, machine);
    const computing = machine.gpu ? Math.max(one.decode, one.network) : one.decode + one.network;
    const together = (work.photos * Math.max(one.read, computing)) / 3600;
    const alone = (work.photos * one.fit) / 3600;
    return {
      hours: together + alone,
      money: (together * machine.machines + alone) * machine.price,
      bound: Object.keys(one).reduce((a, b) => (one[b] > one[a] ? b : a)),
    };
  }

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function fields(title, group, rows) {
    const box = element("fieldset", {}, element("legend", {}, title));
    for (const [name, label, value] of rows) {
      const id = `cost-${group}-${name}`.replaceAll(" ", "-");
      const input = element("input", { id, name, type: "number", step: "any", min: "0", required: "", value });
      box.append(element("p", {}, element("label", { for: id }, label), input));
    }
    return box;
  }

  // The numbers of a fieldset; nothing where one of them cannot be used, which is marked.
  function values(box) {
    const found = {};
    let usable = true;
    for (const input of box.querySelectorAll("input")) {
      const value = input.valueAsNumber;
      const good = Number.isFinite(value) && (ABOVE_ZERO.has(input.name) ? value > 0 : value >= 0);
      if (good) input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
      usable &&= good;
      found[input.name] = value;
    }
    return usable ? found : null;
  }

  const text = (value) => value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 1 : 0 });

  function build(place) {
    const work = fields("The photos", "work", WORK);
    const machines = Object.entries(MACHINES).map(([name, given]) => [
      name,
      fields(name, name, MACHINE.map(([key, label], index) => [key, label, given[index]])),
    ]);
    const head = element("tr");
    for (const title of ["machine", "hours", "dollars", "bound by"]) head.append(element("th", { scope: "col" }, title));
    const body = element("tbody");
    const table = element("table", {}, element("caption", {}, "Hours and money"), element("thead", {}, head), body);
    const form = element("form", {}, work, ...machines.map(([, box]) => box));
    const said = element("p", { role: "status" });

    function show() {
      const given = values(work);
      body.replaceChildren();
      let wrong = !given;
      for (const [name, box] of machines) {
        const machine = values(box);
        wrong ||= !machine;
        const row = element("tr", { "data-machine": name }, element("th", { scope: "row" }, name));
        const found = given && machine ? bill(given, machine) : null;
        for (const key of ["hours", "money", "bound"]) {
          const shown = !found ? "–" : key === "bound" ? found.bound : text(found[key]);
          row.append(element("td", { "data-value": found ? found[key] : "" }, shown));
        }
        body.append(row);
      }
      said.textContent = wrong ? "A number is missing or cannot be used: its field is marked." : "";
    }

    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    place.replaceChildren(form, table, said);
    show();
  }

  function start() {
    const place = document.getElementById("cost-form");
    if (place) build(place);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
