import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Built by scripts/build-console.mjs, which says where to. For work on the page: see docs/decisions/0019-console.md. */
export default defineConfig({
  root: import.meta.dirname,
  // The server may stand behind a path of a proxy.
  base: './',
  plugins: [react()],
  build: {
    target: 'es2024',
    // The Content-Security-Policy allows no data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
  },
  server: {
    proxy: { '/console': 'http://127.0.0.1:8080', '/sip': { target: 'ws://127.0.0.1:8080', ws: true } },
  },
});
