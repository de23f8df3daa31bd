// Sends a file, and tells how much of it has gone, which fetch() does not.

// `how`: method, body, headers and signal, as for fetch(); `tell` hears {done, total}, in bytes. A promise of the Response.
export function sendTelling(address, { method = "POST", body, headers = {}, signal }, tell) {
  const request = new XMLHttpRequest();
  request.open(method, address);
  request.responseType = "blob";
  for (const [name, value] of new Headers(headers)) request.setRequestHeader(name, value);
  request.upload.onprogress = ({ loaded, total }) => tell({ done: loaded, total });
  signal?.addEventListener("abort", () => request.abort());
  return new Promise((done, fail) => {
    request.onload = () => done(new Response(request.status === 204 ? null : request.response, { status: request.status }));
    request.onerror = request.onabort = () => fail(new TypeError("not sent"));
    request.send(body);
  });
}
