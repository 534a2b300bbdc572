// Explore a mapper: the same in a notebook, where Python answers, and on a page, which holds the answers.
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

// The controls and the answers. `source` has: catalogue, most, start, typed (whether Python answers), and
// ask(question, show), which calls show(answer) with {question, sections, comparison, error}, once or as parts become
// known. An answer to an earlier question is not shown.
const build = (root, source) => {
  const unique = `explore-${Math.random().toString(36).slice(2)}`;
  const list = (id, value) => {
    const choice = element("select", { id });
    for (const entry of source.catalogue) {
      choice.append(element("option", { value: entry.name }, entry.formula ? `${entry.name}: ${entry.formula}` : entry.name));
    }
    if (source.catalogue.some((entry) => entry.name === value)) choice.value = value;
    return choice;
  };
  const labelled = (text, control) => element("label", { for: control.id }, element("span", {}, text), control);
  const mapper = list(`${unique}-mapper`, source.start.mapper);
  const other = list(`${unique}-other`, source.start.other);
  const depth = element("input", { id: `${unique}-depth`, type: "range", min: 1, max: source.most, step: 1, value: source.start.depth });
  const shownDepth = element("output", { for: depth.id });
  const any = element("input", { id: `${unique}-any`, type: "checkbox" });
  const typed = element("input", { id: `${unique}-typed`, type: "text", placeholder: "z + f(z)/2", maxlength: 200, spellcheck: "false" });
  const error = element("p", { class: "explore-error", role: "alert" });
  const about = element("p", { class: "explore-about" });
  const answers = element("div", { class: "explore-answers" });
  const comparison = element("section", { class: "explore-comparison" });
  const controls = element("div", { class: "explore-controls" }, labelled("Mapper", mapper), labelled("or type one", typed),
    element("label", { for: depth.id }, element("span", {}, "Depth ", shownDepth), depth),
    labelled("any depth n", any), labelled("compared with", other));
  if (!source.typed) {
    typed.disabled = true;
    typed.placeholder = "needs Python";
    controls.append(element("p", { class: "explore-note" },
      "This page holds answers computed beforehand. To type a mapper, run symfold.explore() in a notebook."));
  }
  root.classList.add("explore");
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // keys are for the controls, not for the notebook around them
  root.addEventListener("keydown", (event) => event.stopPropagation());
  root.append(controls, error, about, element("div", { class: "explore-columns" }, answers, comparison));

  const question = () => ({
    mapper: (source.typed && typed.value.trim()) || mapper.value,
    other: other.value,
    depth: any.checked ? "n" : Number(depth.value),
  });

  const shown = (section) => {
    const content = element("div", { class: "explore-content", tabindex: 0 });
    content.innerHTML = section.html || ""; // made by symfold, every name in it escaped
    if (section.svg) {
      content.prepend(element("img", { alt: `${section.heading}: a picture`, src: `data:image/svg+xml,${encodeURIComponent(section.svg)}` }));
    }
    return content;
  };

  const same = (one, two) => ["mapper", "other", "depth"].every((key) => one && one[key] === two[key]);

  const show = (answer) => {
    if (!same(answer.question, question())) return;
    error.textContent = answer.error || "";
    if (answer.sections) {
      const open = new Set([...answers.querySelectorAll("details")].filter((part) => !part.open).map((part) => part.dataset.heading));
      answers.replaceChildren(...answer.sections.map((section) => {
        const part = element("details", { "data-heading": section.heading }, element("summary", {}, section.heading));
        part.open = !open.has(section.heading);
        part.append(shown(section));
        return part;
      }));
    }
    if (answer.comparison !== undefined) {
      comparison.replaceChildren(element("h3", {}, answer.comparison.heading), shown(answer.comparison));
    }
  };

  const update = () => {
    const asked = question();
    depth.disabled = any.checked;
    shownDepth.textContent = asked.depth;
    const entry = source.catalogue.find((one) => one.name === asked.mapper);
    about.textContent = entry && entry.summary ? `${entry.name}: ${entry.summary}` : "";
    source.ask(asked, show);
  };
  for (const control of [other, any]) control.addEventListener("change", update);
  mapper.addEventListener("change", () => { typed.value = ""; update(); });
  depth.addEventListener("input", update);
  typed.addEventListener("change", update);
  update();
};

// In a notebook: questions and answers are traits of the widget's model.
const render = ({ model, el }) => {
  let show = () => {};
  const tell = () => show(model.get("answer"));
  model.on("change:answer", tell);
  build(el, {
    catalogue: model.get("catalogue"),
    most: model.get("most"),
    start: model.get("question"),
    typed: true,
    ask: (question, shown) => {
      show = shown;
      model.set("question", { ...question });
      model.save_changes();
      tell();
    },
  });
  return () => model.off("change:answer", tell);
};

export default { render };
