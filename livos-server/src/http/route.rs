//! Which handler answers what.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::Method;

use super::call::Call;
use super::problem::Problem;
use super::problem::ProblemKind;
use super::reply::Answer;
use crate::openapi::Operation;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody whose host and origin are allowed.
    Public,
    /// Holders of the key, and the console.
    Key,
}

type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync>;
type Describe = fn(Operation) -> Operation;

/// One method of one path.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// What the API's description says of it; none for pages.
    pub(crate) describe: Option<Describe>,
    handler: Handler,
}

impl Route {
    pub(crate) fn new<F, A>(method: Method, path: &'static str, access: Access, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |call| handler(call).boxed());
        Self { method, path, access, describe: None, handler }
    }

    /// Adds what the API's description says.
    pub(crate) fn described(mut self, describe: Describe) -> Self {
        self.describe = Some(describe);
        self
    }

    pub(super) fn answer(&self, call: Call) -> BoxFuture<'static, Answer> {
        (self.handler)(call)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({:?})", self.method, self.path, self.access)
    }
}

/// All routes, to be found by path.
#[derive(Debug, Default)]
pub(crate) struct Router {
    routes: Vec<Route>,
    paths: matchit::Router<Vec<usize>>,
}

/// What was found for a method and a path.
pub(super) enum Found<'a> {
    /// The route and the segments its path names.
    Route(&'a Route, Vec<(String, String)>),
    /// The path exists; the text lists its methods.
    Options(&'static str, String),
}

impl Router {
    /// Puts a table together.
    ///
    /// # Errors
    /// When two paths collide.
    pub(crate) fn new(routes: Vec<Route>) -> Result<Self, matchit::InsertError> {
        let mut paths = matchit::Router::<Vec<usize>>::new();
        for (index, route) in routes.iter().enumerate() {
            let same = |other: &Route| other.path == route.path;
            if routes.iter().take(index).any(same) {
                continue;
            }
            let all = routes.iter().enumerate().filter(|(_, other)| same(other));
            paths.insert(route.path, all.map(|(index, _)| index).collect())?;
        }
        Ok(Self { routes, paths })
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Found<'_>, Problem> {
        let Ok(matched) = self.paths.at(path) else {
            return Err(Problem::new(
                ProblemKind::NotFound,
                format!("there is no route {path}; GET /openapi.json lists them"),
            ));
        };
        let params = matched.params.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut methods = matched.value.iter().filter_map(|index| self.routes.get(*index));
        // HEAD is GET without the body, which hyper leaves out.
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        match methods.clone().find(|route| route.method == *wanted) {
            Some(route) => Ok(Found::Route(route, params.collect())),
            None if method == Method::OPTIONS => {
                let path = methods.next().map_or("", |route| route.path);
                Ok(Found::Options(path, self.allow(matched.value)))
            }
            None => {
                let allow = self.allow(matched.value);
                let detail = format!("{path} answers {allow} and not {method}");
                let problem = Problem::new(ProblemKind::MethodNotAllowed, detail);
                Err(Problem { allow: Some(allow), ..problem })
            }
        }
    }

    fn allow(&self, indices: &[usize]) -> String {
        let routes = indices.iter().filter_map(|index| self.routes.get(*index));
        let mut methods: Vec<&str> = routes.map(|route| route.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Reply;

    fn router() -> Router {
        let route = |method, path| {
            Route::new(method, path, Access::Key, |_| async { Ok(Reply::no_content()) })
        };
        Router::new(vec![
            route(Method::GET, "/things"),
            route(Method::GET, "/things/{id}"),
            route(Method::DELETE, "/things/{id}"),
        ])
        .unwrap()
    }

    #[test]
    fn a_route_is_found_with_its_segments() {
        let router = router();
        let Ok(Found::Route(route, params)) = router.find(&Method::DELETE, "/things/7") else {
            panic!("no route");
        };
        assert_eq!((route.path, params), ("/things/{id}", vec![("id".into(), "7".into())]));
        assert!(matches!(router.find(&Method::HEAD, "/things"), Ok(Found::Route(..))));
    }

    #[test]
    fn unknown_paths_and_wrong_methods_are_told_apart() {
        let router = router();
        let problem = |method, path| router.find(&method, path).err().unwrap();
        assert_eq!(problem(Method::GET, "/nothing").kind, ProblemKind::NotFound);
        let wrong = problem(Method::PUT, "/things/7");
        assert_eq!(wrong.kind, ProblemKind::MethodNotAllowed);
        assert_eq!(wrong.allow.as_deref(), Some("GET, DELETE, HEAD, OPTIONS"));
    }
}
