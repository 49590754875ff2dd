"""The page that the server shows at `/`, as it goes to the browser: data, not code of the server's."""
