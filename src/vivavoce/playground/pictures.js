// A picture that the user chooses, drops or pastes, as a data URI that is small enough to be sent.

export const TYPES = ["image/png", "image/jpeg", "image/webp"];
const LONGEST_SIDE = 2048; // pixels: models that see make larger ones smaller anyway
const SHORTEST_SIDE = 200; // below that nothing can be recognised
const STEP = 0.8;
const LOSSY = [["image/webp", 0.9], ["image/webp", 0.7], ["image/jpeg", 0.7]]; // not every browser can write WebP

/**
 * At most `most` characters. It is always drawn anew: upright, and without what the file says of place and camera.
 * Throws an error that says why it cannot be.
 */
export async function dataUri(file, most) {
  if (!TYPES.includes(file.type)) throw new Error(`${file.name} is no PNG, JPEG or WebP picture.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} cannot be read: it is damaged, or not what its name says.`);
  }
  try {
    const longest = Math.max(bitmap.width, bitmap.height);
    // Lossless keeps text sharp; a photograph that came compressed would only grow.
    const kinds = [...(file.type === "image/png" ? [["image/png"]] : []), ...LOSSY];
    for (let side = Math.min(longest, LONGEST_SIDE); side >= Math.min(longest, SHORTEST_SIDE); side *= STEP) {
      const canvas = drawn(bitmap, side / longest);
      for (const [type, quality] of kinds) {
        const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, quality));
        const uri = await read(blob);
        if (uri.length <= most) return uri;
      }
    }
  } finally {
    bitmap.close();
  }
  throw new Error(`${file.name} cannot be made small enough to be sent.`);
}

function drawn(bitmap, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // what can be seen through would turn black
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function read(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/**
 * Files that are dropped on `area`, pasted anywhere, or chosen with `button`: `given(files)` gets them. What is dropped
 * where nobody takes it would replace the page, and end the conversation.
 */
export function collect({ area, button, input }, given) {
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same one can be chosen again
    given(files);
  });
  area.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    area.classList.add("over");
  });
  for (const type of ["dragleave", "drop"]) area.addEventListener(type, () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    const files = [...event.dataTransfer.files];
    if (!files.length) return;
    event.preventDefault();
    given(files);
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    given(files);
  });
}
