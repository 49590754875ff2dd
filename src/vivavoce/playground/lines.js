// The conversation as a list: an element for each item, in the server's order.

export class Lines {
  constructor(list, empty) {
    this.list = list;
    this.empty = empty;
    this.clear();
  }

  clear() {
    this.elements = new Map();
    this.list.replaceChildren();
    this.empty.hidden = false;
  }

  create(id, className, html) {
    const element = document.createElement("li");
    element.className = className;
    element.dataset.item = id;
    element.innerHTML = html;
    this.elements.set(id, element);
    this.list.append(element);
    this.empty.hidden = true;
    return element;
  }

  /** An item that was put between others stands between them here too. */
  place(id, previous) {
    const before = this.elements.get(previous);
    const element = this.elements.get(id);
    if (before && before.nextElementSibling !== element && element.previousElementSibling !== before) before.after(element);
  }

  remove(id) {
    this.elements.get(id)?.remove();
    this.elements.delete(id);
  }

  /** Something about it has changed: the end of the list stays in sight. */
  show(element) {
    if (element !== this.list.lastElementChild) return;
    this.list.scrollTop = this.list.scrollHeight;
  }
}
