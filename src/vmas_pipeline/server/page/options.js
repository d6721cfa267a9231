// The form's options, as the API takes them: what is left empty is left out.

const TEXT = new Set(["original", "container"]);

export function read(form) {
  const options = {};
  for (const [name, value] of new FormData(form)) {
    if (name === "model" || value === "") continue;
    options[name] = TEXT.has(name) ? value : value === "on" ? true : Number(value);
  }
  return options;
}

export function fill(form, options) {
  for (const element of form.elements) {
    if (!element.name || element.name === "model") continue;
    const value = options[element.name];
    if (element.type === "radio") element.checked = value === undefined ? element.defaultChecked : String(value) === element.value;
    else if (element.type === "checkbox") element.checked = Boolean(value);
    else if (value !== undefined && value !== null) element.value = value;
  }
}
