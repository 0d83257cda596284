export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'tonearm-theme';

/** As it was chosen last in this browser. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : 'auto';
  } catch {
    // Where storage is switched off.
    return 'auto';
  }
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds as long as the page.
  }
}
