//! Evaluations, and search.

use model::Evaluation;

use super::{Answer, Client, Error, Query, segment};
use crate::body::*;

impl Client {
    pub async fn evaluations(&self, query: &Query) -> Result<Answer<Vec<Evaluation>>, Error> {
        self.get("/v1/evaluations", query).await
    }

    pub async fn evaluations_count(&self, query: &Query) -> Result<Answer<EvalCountResponse>, Error> {
        self.get("/v1/evaluations/count", query).await
    }

    pub async fn evaluation(&self, id: &str, query: &Query) -> Result<Answer<Evaluation>, Error> {
        self.get(&format!("/v1/evaluation/{}", segment(id)), query).await
    }

    /// With the evaluations before and after it.
    pub async fn related_evaluation(&self, id: &str, query: &Query) -> Result<Answer<RelatedEvaluation>, Error> {
        self.get(&format!("/v1/evaluation/{}", segment(id)), &query.clone().with("related", true)).await
    }

    pub async fn evaluation_allocations(&self, id: &str, query: &Query) -> Result<Answer<Vec<AllocListStub>>, Error> {
        self.get(&format!("/v1/evaluation/{}/allocations", segment(id)), query).await
    }

    pub async fn search(&self, request: &SearchRequest, query: &Query) -> Result<Answer<SearchResponse>, Error> {
        self.put("/v1/search", query, request).await
    }

    pub async fn fuzzy_search(&self, request: &FuzzySearchRequest, query: &Query) -> Result<Answer<FuzzySearchResponse>, Error> {
        self.put("/v1/search/fuzzy", query, request).await
    }
}
