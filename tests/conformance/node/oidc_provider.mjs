// The provider `oidc-provider`, with one client and its own forms of login and consent.
// usage: node provider.mjs FOLDER_OF_MODULES PORT REDIRECT_URI CLIENT_ID CLIENT_SECRET
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, port, redirectUri, clientId, clientSecret] = process.argv.slice(2);
const found = createRequire(`${folder}/package.json`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(found));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  pkce: { required: () => true },
  // So that the ID token has what the scopes ask for.
  conformIdTokenClaims: false,
  scopes: ['openid', 'profile', 'email', 'groups'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, groups: id === 'nobody' ? [] : ['platform'] }),
  }),
  features: { devInteractions: { enabled: true } },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
