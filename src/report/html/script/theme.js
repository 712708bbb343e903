// The theme: the system's, light or dark, kept where the browser lets a page keep something.
{
  const themes = ["system", "light", "dark"];
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const name = () => `Theme: ${root.dataset.theme ?? "system"}`;
  button.hidden = false;
  button.textContent = name();
  button.addEventListener("click", () => {
    const now = themes.indexOf(root.dataset.theme ?? "system");
    root.dataset.theme = themes[(now + 1) % themes.length];
    button.textContent = name();
    try {
      localStorage.setItem("hipgauge-theme", root.dataset.theme);
    } catch {
      // Then it lasts as long as the page does.
    }
  });
}
