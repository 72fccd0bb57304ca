// The states of the page of exercises: what a reader ticks is kept in this browser, what a file of tries says is shown beside it.
(() => {
  const KEPT = "regard.lessons";
  const places = [...document.querySelectorAll(".exercise-state")];
  const said = document.querySelector(".exercise-said");

  // A page that is opened as a file may have no storage: ticks are forgotten then, and that is said.
  function kept() {
    try {
      return new Set(JSON.parse(localStorage.getItem(KEPT) ?? "[]"));
    } catch {
      return new Set();
    }
  }

  function keep(done) {
    try {
      localStorage.setItem(KEPT, JSON.stringify([...done]));
    } catch {
      said.textContent = "This browser keeps nothing for this page: what you tick is forgotten when you leave.";
    }
  }

  const done = kept();
  for (const place of places) {
    const name = place.dataset.exercise;
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = done.has(name);
    box.setAttribute("aria-label", `${name}: done`);
    box.addEventListener("change", () => {
      if (box.checked) done.add(name);
      else done.delete(name);
      keep(done);
    });
    place.append(box, document.createElement("span"));
  }

  document.querySelector(".exercise-file input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    let record;
    try {
      record = JSON.parse(await file.text());
      if (record.format !== "regard.lessons/1") throw new Error("another format");
    } catch {
      said.textContent = `${file.name} is no file of tries: expected what regard lessons check or lessons.check(record=…) writes.`;
      return;
    }
    let right = 0;
    for (const place of places) {
      const tried = record.exercises[place.dataset.exercise];
      const word = place.querySelector("span");
      const times = (count) => (count === 1 ? "1 try" : `${count} tries`);
      word.textContent = !tried ? "" : tried.passed_at ? ` right, ${times(tried.tries)}` : ` ${times(tried.tries)}`;
      right += Boolean(tried?.passed_at);
    }
    said.textContent = `${record.student || file.name}: ${right} of ${places.length} right.`;
  });
})();
