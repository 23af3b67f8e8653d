// What scrolls says so: its lower edge fades while there is more below it.

const NEAR = 4; // CSS pixels from the end that count as the end

export function fadeWhereMore(node) {
  const refresh = () => node.toggleAttribute("data-more", node.scrollHeight - node.scrollTop - node.clientHeight > NEAR);
  node.addEventListener("scroll", refresh, { passive: true });
  const resized = new ResizeObserver(refresh);
  for (const one of [node, ...node.children]) resized.observe(one);
  return node;
}
