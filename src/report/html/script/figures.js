// Figures wait as text and are drawn when they come near the window, or all at once for paper.
{
  const draw = (place) => {
    const text = place.querySelector("script")?.textContent;
    if (text) place.innerHTML = text;
  };
  const places = [...document.querySelectorAll(".drawing")];
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries)
      if (isIntersecting) {
        watch.unobserve(target);
        draw(target);
      }
  }, { rootMargin: "600px" });
  for (const place of places) watch.observe(place);
  addEventListener("beforeprint", () => places.forEach(draw));
}
