// The default theme; a link into a folded part of a page opens it.
import DefaultTheme from 'vitepress/theme';
import './custom.css';

/** Opens what hides the heading that the address names, and shows it. */
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const closed = target?.closest('details:not([open])');
  if (!closed) return;
  for (let at = closed; at; at = at.parentElement?.closest('details')) at.setAttribute('open', '');
  target?.scrollIntoView();
}

export default {
  extends: DefaultTheme,
  /** @param {import('vitepress').EnhanceAppContext} context */
  enhanceApp({ router }) {
    if (typeof window === 'undefined') return;
    window.addEventListener('hashchange', reveal);
    window.addEventListener('click', () => setTimeout(reveal));
    router.onAfterRouteChange = () => setTimeout(reveal);
  },
};
